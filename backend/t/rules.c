/*
 * The rules on perfect words: what is wrong here is not the OCR's fault.
 */

#include "drawn.h"


static void
test_invoice(void)
{
    static const char *const  lines[] = {
        "Quarry Lane Tools Ltd                        INVOICE",
        "8 Quarry Lane, Stonebeck",
        "",
        "Bill to                   Invoice No: QL-2291",
        "Hillside Garage           Invoice Date: 03/04/2026",
        "                          Due Date: 03/05/2026",
        "",
        "Description               Qty    Unit Price     Amount",
        "Torque wrench             2      85.00          170.00",
        "Socket set, metric        1      1,120.50       1,120.50",
        "",
        "                                 Subtotal       1,290.50",
        "                                 VAT 20%        258.10",
        "                                 Total          1,548.60",
        NULL
    };

    extract("invoice", lines);
    field("vendor", "Quarry Lane Tools Ltd");
    field("recipient", "Hillside Garage");
    field("invoice_no", "QL-2291");
    field("invoice_date", "03/04/2026");
    field("due_date", "03/05/2026");
    field("subtotal", "1,290.50");
    field("tax", "258.10");
    field("total", "1,548.60");
    ok(rows("line_items") == 2, "two line items");
    cell("line_items", 0, 0, "Torque wrench");
    cell("line_items", 0, 1, "2");
    cell("line_items", 1, 2, "1,120.50");
    cell("line_items", 1, 3, "1,120.50");
    finish();
}


static void
test_german(void)
{
    static const char *const  lines[] = {
        "Muster & Sohn GmbH",
        "",
        "Rechnung                  Rechnungsnummer: 2026/044",
        "                          Rechnungsdatum: 12. Januar 2026",
        "",
        "Bezeichnung               Menge  Einzelpreis    Gesamtpreis",
        "Schrauben M6              100    0,12           12,00",
        "",
        "                                 Nettobetrag    12,00",
        "                                 MwSt 19%       2,28",
        "                                 Gesamtbetrag   14,28",
        NULL
    };

    extract("invoice", lines);
    field("vendor", "Muster & Sohn GmbH");
    field("invoice_no", "2026/044");
    field("invoice_date", "12. Januar 2026");
    field("subtotal", "12,00");
    field("tax", "2,28");
    field("total", "14,28");
    cell("line_items", 0, 1, "100");
    finish();
}


static void
test_receipt(void)
{
    static const char *const  lines[] = {
        "PEBBLE MARKET SDN BHD",
        "12, JALAN BESAR,",
        "43200 CHERAS, SELANGOR",
        "TEL: 03-5542 3228",
        "Receipt No: A00123",
        "Date: 14/03/2026  18:40",
        "",
        "Rye loaf               6.40",
        "Milk 1L                3.10",
        "Sub Total              9.50",
        "Rounding Adj           0.00",
        "TOTAL                  9.50",
        "CASH                  20.00",
        "CHANGE                10.50",
        NULL
    };

    extract("receipt", lines);
    field("store_name", "PEBBLE MARKET SDN BHD");
    field("store_address", "12, JALAN BESAR, 43200 CHERAS, SELANGOR");
    field("store_phone", "03-5542 3228");
    field("receipt_no", "A00123");
    field("transaction_date", "14/03/2026");
    field("transaction_time", "18:40");
    field("subtotal", "9.50");
    field("total", "9.50");
    field("payment_method", "CASH");
    ok(rows("line_items") == 2, "two items without a head");
    cell("line_items", 0, 0, "Rye loaf");
    cell("line_items", 1, 3, "3.10");
    finish();
}


static void
test_custom(void)
{
    static const char *const  lines[] = {
        "Tallow Works Inc",
        "",
        "PO Reference: PX-77      Project Tag: Harbour",
        "Order Date: 2026-02-01",
        "Part               Torque   Pieces",
        "Bolt               4.50     12",
        "Net Amount         90.00",
        "Total              99.00",
        NULL
    };

    extract("[{\"name\":\"po_reference\",\"type\":\"string\"},"
            "{\"name\":\"tag\",\"type\":\"string\",\"description\":"
            "\"printed after 'Project Tag'\"},"
            "{\"name\":\"orderDate\",\"type\":\"string\"},"
            "{\"name\":\"grand\",\"type\":\"number\",\"description\":"
            "\"Grand total, plain number\"},"
            "{\"name\":\"absent\",\"type\":\"string\"}]", lines);
    field("po_reference", "PX-77");
    field("tag", "Harbour");
    field("orderDate", "2026-02-01");
    field("grand", "99.00");
    field("absent", "");
    finish();
}


/* A narrow page, as a till prints it. */

static void
extract_slip(const char *const *lines)
{
    slip = 1;
    extract("receipt", lines);
    slip = 0;
}


static void
test_total(void)
{
    static const char *const  discount[] = {
        "PIN & PLANE HARDWARE TRADING", "Bolt        7.90", "Rod       270.00",
        "TOTAL     277.90", "Discount    0.90", "Total inclusive GST 277.00",
        "Cash      277.00", NULL
    };
    static const char *const  points[] = {
        "KILN CORNER STORE", "Mug         8.00", "Bowl       10.00",
        "Subtotal   18.00", "Cash       20.00", "Change      2.00",
        "Points balance   2307", NULL
    };
    static const char *const  unread[] = {
        "KILN CORNER STORE", "Mug         8.00", "Bowl       10.00",
        "Subtotal   18.00", "T4x         1.08", "T0lql      19.08",
        "C6sn       50.00", NULL
    };
    static const char *const  signs[] = {
        "Kiln & Co Ltd", "Credit Note",
        "Net amount        VAT amount        Invoice total",
        "4.85              -0.92             5.77",
        "-2.82             -0.20             -3.02",
        "7.67              -1.12             8.79", NULL
    };

    extract_slip(discount);
    field("total", "277.00");
    finish();

    extract_slip(points);
    field("total", "18.00");
    finish();

    extract_slip(unread);
    field("total", "19.08");
    finish();

    extract("invoice", signs);
    field("total", "8.79");
    finish();
}


static void
test_items(void)
{
    static const char *const  plain[] = {
        "KILN CORNER STORE", "12 Harbour Lane", "Mo-Fr   08.30 - 12.30",
        "Glaze No 18 fine    80.00", "2 x Mug             16.00",
        "(of which tax        6.40)", "incl. VAT           3.20",
        "Total               96.00", NULL
    };
    static const char *const  headless[] = {
        "Kiln & Co Ltd", "Description         Qty     Unit Price      Am0qrt",
        "Blue glaze          2       4.50                9.00",
        "Red glaze           3       5.00               15.00",
        "                                              24.00",
        "Total                                         24.00", NULL
    };

    extract_slip(plain);
    ok(rows("line_items") == 2, "hours, asides and taxes are no items");
    cell("line_items", 0, 0, "Glaze No 18 fine");
    cell("line_items", 0, 1, NULL);
    cell("line_items", 1, 0, "Mug");
    cell("line_items", 1, 1, "2");
    finish();

    extract("invoice", headless);
    ok(rows("line_items") == 2, "an amount alone is no item");
    cell("line_items", 0, 3, "9.00");
    cell("line_items", 1, 3, "15.00");
    finish();
}


static void
test_names(void)
{
    static const char *const  spaced[] = {
        "TAX INVOICE", "TAN   FOOK   &   COMPANY",
        "NO.12, BATU 5, JALAN MELATI,", "KG. BARU",
        "51200 KUALA LUMPUR", "GST NOs 000123456789",
        "Nails      22.00", "Total      22.00", NULL
    };
    static const char *const  country[] = {
        "Germany", "Sold by: Kiln Works", "Total   12.00", NULL
    };
    static const char *const  items[] = {
        "KILN CORNER STORE", "Mug, No 3      8.00", "Bowl, No 4     9.00",
        "Total         17.00", NULL
    };

    extract_slip(spaced);
    field("store_name", "TAN FOOK & COMPANY");
    field("store_address", "NO.12, BATU 5, JALAN MELATI, KG. BARU"
          " 51200 KUALA LUMPUR");
    finish();

    extract("invoice", country);
    field("vendor", "Kiln Works");
    finish();

    extract_slip(items);
    field("store_address", "");
    finish();
}


static void
test_nothing(void)
{
    static const char *const  none[] = { NULL };
    static const char *const  odd[] = { ".", "|", "%", "Total", "\xE5\x90\x88",
                                        "\xC3\xA9", ":", "Invoice No:", NULL };

    extract("invoice", none);
    field("total", "");
    ok(rows("line_items") == 0, "an empty page has no items");
    finish();

    extract("receipt", odd);
    field("total", "");
    finish();
}


int
main(void)
{
    test_invoice();
    test_german();
    test_receipt();
    test_custom();
    test_total();
    test_items();
    test_names();
    test_nothing();

    return done();
}
