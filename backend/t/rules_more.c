/*
 * Rules that a plain invoice has no use for: fields of a client's own, by
 * name and by description, values in the form that is asked for, e-mail
 * addresses, columns of a client's own, heads of two lines, and names that
 * stand beside their numbers.
 */

#include "drawn.h"


#define STRING(name, text)                                                    \
    "{\"name\":\"" name "\",\"type\":\"string\",\"description\":\"" text "\"}"


static void
test_own_fields(void)
{
    static const char *const  lines[] = {
        "Quarry Lane Tools Ltd                        INVOICE",
        "8 Quarry Lane, Stonebeck",
        "",
        "Project code: CC-4410         Van: 17",
        "Site manager: Ann Marlow      Permit no: P-778",
        "Handling fee:            12.50",
        "Arrival time:            14:25",
        "Inspection date:         3 May 2026",
        "Emergency phone:         +44 1632 960 011",
        "Cost centre: Paint shop",
        "",
        "Description                 Qty    Unit price     Amount",
        "Hammer                        2         10.00      20.00",
        "Total                                              20.00",
        NULL
    };

    extract("[" STRING("projectCode", "") "," STRING("siteManager", "") ","
            STRING("vehicle", "The number after \\\"Van\\\" on the slip") ","
            STRING("approval", "Permit no, as printed") ","
            "{\"name\":\"handling_fee\",\"type\":\"number\"},"
            STRING("arrival_time", "") "," STRING("inspection_date", "") ","
            STRING("emergency_phone", "") ","
            STRING("costCentre", "") ","
            STRING("nothing_such", "Of 'x' and an \\\"open quote") "]",
            lines);
    field("projectCode", "CC-4410");
    field("siteManager", "Ann Marlow");
    field("vehicle", "17");
    field("approval", "P-778");
    field("handling_fee", "12.50");
    field("arrival_time", "14:25");
    field("inspection_date", "3 May 2026");
    field("emergency_phone", "+44 1632 960 011");
    field("costCentre", "Paint shop");
    field("nothing_such", "");
    finish();
}


static void
test_forms(void)
{
    static const char *const  lines[] = {
        "Quarry Lane Tools Ltd                        INVOICE",
        "",
        "Invoice No: QL-2291       Invoice Date: 3 April 2026",
        "",
        "Description                 Qty    Unit price     Amount",
        "Press                         1      1,210.00   1,210.00",
        "Total                                           1,210.00",
        NULL
    };

    extract("[" STRING("invoice_date", "in the form YYYY-MM-DD") ","
            STRING("total", "a plain number, no comma") ","
            STRING("invoice_no", "as an ISO date") "]", lines);
    field("invoice_date", "2026-04-03");
    field("total", "1210.00");
    field("invoice_no", "QL-2291");
    finish();

    extract("[" STRING("invoice_date", "as printed") ","
            STRING("total", "as printed") "]", lines);
    field("invoice_date", "3 April 2026");
    field("total", "1,210.00");
    finish();
}


static void
test_email(void)
{
    static const char *const  lines[] = {
        "Quarry Lane Tools Ltd                        INVOICE",
        "8 Quarry Lane, Stonebeck",
        "Phone 01632 960 022    @nobody  a@b",
        "E-mail: accounts@quarry-lane.example",
        "second@quarry-lane.example",
        "",
        "Total                                           1,210.00",
        NULL
    };

    static const char *const  none[] = {
        "Quarry Lane Tools Ltd", "Total   1.00", NULL
    };

    extract("[" STRING("email", "") "]", lines);
    field("email", "accounts@quarry-lane.example");
    finish();

    extract("[" STRING("email", "") "]", none);
    field("email", "");
    finish();
}


static void
test_own_columns(void)
{
    static const char *const  lines[] = {
        "Quarry Lane Tools Ltd                        INVOICE",
        "",
        "Shelf place    Description          Qty   Unit price    Amount",
        "A-17           Hammer                 2        10.00     20.00",
        "B-04           Long screws          100         0.05      5.00",
        "                                                          5.00",
        "C-01           Glue",
        "               clear, 50 ml           1         3.00      3.00",
        "",
        "Total                                                    28.00",
        NULL
    };

    extract("[{\"name\":\"line_items\",\"type\":\"array\",\"children\":["
            "{\"name\":\"shelf_place\",\"type\":\"string\"},"
            "{\"name\":\"description\",\"type\":\"string\"},"
            "{\"name\":\"qty\",\"type\":\"number\"},"
            "{\"name\":\"amount\",\"type\":\"number\"}]}]", lines);
    cell("line_items", 0, 0, "A-17");
    cell("line_items", 0, 1, "Hammer");
    cell("line_items", 0, 2, "2");
    cell("line_items", 0, 3, "20.00");
    cell("line_items", 1, 0, "B-04");
    cell("line_items", 1, 1, "Long screws");
    cell("line_items", 1, 2, "100");
    finish();
}


/* The amounts have no head, and of two prices the right one is the amount. */

static void
test_heads(void)
{
    static const char *const  bare[] = {
        "Quarry Lane Tools Ltd                        INVOICE",
        "",
        "Description                 Qty    Unit price",
        "Hammer                        2         10.00      20.00",
        "Screws                      100          0.05       5.00",
        "",
        "Total                                              25.00",
        NULL
    };
    static const char *const  prices[] = {
        "Quarry Lane Tools Ltd                        INVOICE",
        "",
        "Description                 Qty    Unit price       Price",
        "Hammer                        2         10.00       20.00",
        "Screws                      100          0.05        5.00",
        "",
        "Total                                               25.00",
        NULL
    };
    static const char  items[] =
        "[{\"name\":\"line_items\",\"type\":\"array\",\"children\":["
        "{\"name\":\"description\",\"type\":\"string\"},"
        "{\"name\":\"qty\",\"type\":\"number\"},"
        "{\"name\":\"unit_price\",\"type\":\"number\"},"
        "{\"name\":\"amount\",\"type\":\"number\"}]}]";

    extract(items, bare);
    ok(rows("line_items") == 2, "two rows");
    cell("line_items", 0, 0, "Hammer");
    cell("line_items", 0, 2, "10.00");
    cell("line_items", 0, 3, "20.00");
    cell("line_items", 1, 3, "5.00");
    finish();

    extract(items, prices);
    ok(rows("line_items") == 2, "two rows");
    cell("line_items", 0, 2, "10.00");
    cell("line_items", 0, 3, "20.00");
    cell("line_items", 1, 2, "0.05");
    cell("line_items", 1, 3, "5.00");
    finish();
}


/* The name above its numbers, and units beside them. */

static void
test_pending(void)
{
    static const char *const  lines[] = {
        "CORNER SHOP",
        "",
        "Item                     Qty      Price     Amount",
        "Wholemeal bread",
        "                           2       1.50       3.00",
        "Milk                  1 pcs       0.99       0.99",
        "",
        "Total                                         3.99",
        NULL
    };

    extract("[{\"name\":\"line_items\",\"type\":\"array\",\"children\":["
            "{\"name\":\"description\",\"type\":\"string\"},"
            "{\"name\":\"qty\",\"type\":\"string\"},"
            "{\"name\":\"amount\",\"type\":\"number\"}]}]", lines);
    ok(rows("line_items") == 2, "two rows");
    cell("line_items", 0, 0, "Wholemeal bread");
    cell("line_items", 0, 1, "2");
    cell("line_items", 0, 2, "3.00");
    cell("line_items", 1, 0, "Milk");
    cell("line_items", 1, 1, "1");
    finish();
}


/* Columns so near that a row's numbers touch, numbers with units, and a head
 * whose second line names what stands below. */

static void
test_narrow(void)
{
    static const char *const  lines[] = {
        "CORNER SHOP                                INVOICE",
        "",
        "Description           Qty Price     Amount",
        "Wholemeal bread         2 1.50        3.00",
        "Milk                 6pcs 0.99        5.94",
        "Cream                   x 1.00        1.00",
        "",
        "Total                                 9.94",
        NULL
    };
    static const char *const  deep[] = {
        "CORNER SHOP                                INVOICE",
        "",
        "Item no              Qty      Price     Amount",
        "Description",
        "A-100                  2       1.50       3.00",
        "Wholemeal bread",
        "A-200                  1       0.99       0.99",
        "Milk",
        "",
        "Total                                     3.99",
        NULL
    };
    static const char  items[] =
        "[{\"name\":\"line_items\",\"type\":\"array\",\"children\":["
        "{\"name\":\"description\",\"type\":\"string\"},"
        "{\"name\":\"qty\",\"type\":\"number\"},"
        "{\"name\":\"amount\",\"type\":\"number\"}]}]";

    extract(items, lines);
    ok(rows("line_items") == 3, "three rows");
    cell("line_items", 0, 0, "Wholemeal bread");
    cell("line_items", 0, 1, "2");
    cell("line_items", 0, 2, "3.00");
    cell("line_items", 1, 1, "6");
    cell("line_items", 2, 2, "1.00");
    finish();

    extract(items, deep);
    ok(rows("line_items") == 2, "two rows");
    cell("line_items", 0, 0, "Wholemeal bread");
    cell("line_items", 0, 1, "2");
    cell("line_items", 0, 2, "3.00");
    cell("line_items", 1, 0, "Milk");
    finish();
}


int
main(void)
{
    test_narrow();
    test_own_fields();
    test_forms();
    test_email();
    test_own_columns();
    test_heads();
    test_pending();

    return done();
}
