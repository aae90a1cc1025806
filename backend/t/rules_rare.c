/*
 * What is rare on invoices and receipts: names that end at a sign or go on in
 * the next line, addresses abroad, phone numbers without a label, dates by
 * their labels, items that say how many they are.
 */

#include "drawn.h"
#include "lexicon.h"


#define SHOP(second)                                                          \
    second, "8 Quarry Lane, Stonebeck", "", "Invoice No: QL-2291", "",        \
    "Total                 1,210.00", NULL


/* What the vendor's line is taken for. */

static void
vendor(const char *line, const char *want)
{
    const char *const  lines[] = { line, SHOP("") };

    extract("[{\"name\":\"vendor\"}]", lines);
    field("vendor", want);
    finish();
}


static void
test_vendor(void)
{
    static const char *const  below[] = {
        "GARDENIA BAKERIES", "SDN BHD", "", SHOP("")
    };
    static const char *const  above[] = {
        "QUARRY LANE &", "COMPANY LTD", "", SHOP("")
    };

    vendor("Quarry Tools Ltd - Stonebeck", "Quarry Tools Ltd");
    vendor("Quarry Tools Ltd | Stonebeck", "Quarry Tools Ltd");
    vendor("Quarry Tools Ltd \xC2\xB7 Stonebeck", "Quarry Tools Ltd");
    vendor("Quarry Tools Ltd \xE2\x80\xA2 Stonebeck", "Quarry Tools Ltd");
    vendor("Quarry Tools Ltd \xE2\x80\x93 Stonebeck", "Quarry Tools Ltd");
    vendor("Quarry Tools Ltd, Quarry Lane 8", "Quarry Tools Ltd");
    vendor("Quarry Tools Ltd (12345-X)", "Quarry Tools Ltd");
    vendor("Quarry Tools Ltd (12345-X", "Quarry Tools Ltd");
    vendor("Quarry (Tools) Ltd", "Quarry (Tools) Ltd");

    extract("[{\"name\":\"vendor\"}]", below);
    field("vendor", "GARDENIA BAKERIES SDN BHD");
    finish();

    extract("[{\"name\":\"vendor\"}]", above);
    field("vendor", "QUARRY LANE & COMPANY LTD");
    finish();
}


/* The address of the shop, which is of so many lines. */

static void
address(const char *first, const char *second, const char *want)
{
    const char *const  lines[] = {
        "CORNER SHOP LTD", first, second, "Tel: 01632 960 001", "",
        "Bread               3.20", "Total               3.20", NULL
    };

    slip = 1;
    extract("[{\"name\":\"store_address\"}]", lines);
    slip = 0;
    field("store_address", want);
    finish();
}


static void
test_address(void)
{
    address("Lindenstra\xC3\x9F" "e 4", "10115 Berlin",
            "Lindenstra\xC3\x9F" "e 4 10115 Berlin");
    address("Lindenstrasse 4", "10115 Berlin", "Lindenstrasse 4 10115 Berlin");
    address("Lindenstr. 4", "10115 Berlin", "Lindenstr. 4 10115 Berlin");
    address("\xE3\x80\x92" "100-0001 \xE6\x9D\xB1\xE4\xBA\xAC\xE9\x83\xBD"
            "\xE5\x8D\x83\xE4\xBB\xA3", "",
            "\xE3\x80\x92" "100-0001 \xE6\x9D\xB1\xE4\xBA\xAC\xE9\x83\xBD"
            "\xE5\x8D\x83\xE4\xBB\xA3");
    address("8 High Street, Stonebeck GST ID 4711", "",
            "8 High Street, Stonebeck");
    address("8 High Street, Stonebeck Fax 01632 960 002", "",
            "8 High Street, Stonebeck");
}


static void
phone(const char *line, const char *want)
{
    const char *const  lines[] = {
        "CORNER SHOP LTD", line, "8 High Street, Stonebeck", "",
        "Bread               3.20", "Total               3.20", NULL
    };

    slip = 1;
    extract("[{\"name\":\"store_phone\"}]", lines);
    slip = 0;
    field("store_phone", want);
    finish();
}


static void
test_phone(void)
{
    phone("+44 1632 960 001", "+44 1632 960 001");
    phone("(01632) 960 001", "(01632) 960 001");
    phone("01632-960001", "01632-960001");
    phone("01632960001", "");
    phone("91632-960001", "");
    phone("0163 2960 001", "");
    phone("+44 1632 960 001 3 May 2026", "");
}


/* A date without a label, and those which are of something else. */

static void
test_dates(void)
{
    static const char *const  lines[] = {
        "CORNER SHOP LTD", "8 High Street, Stonebeck", "",
        "No. 12042026", "GST ID 11042026", "03.05.2026 14:25",
        "Bread               3.20", "Total               3.20", NULL
    };
    static const char *const  bare[] = {
        "CORNER SHOP LTD", "8 High Street, Stonebeck", "",
        "03052026", "Bread               3.20", "Total               3.20",
        NULL
    };

    slip = 1;
    extract("receipt", lines);
    field("transaction_date", "03.05.2026");
    field("transaction_time", "14:25");
    finish();

    extract("receipt", bare);
    field("transaction_date", "03052026");
    field("transaction_time", "");
    finish();
    slip = 0;
}


static void
test_items(void)
{
    static const char *const  lines[] = {
        "CORNER SHOP LTD",
        "8 High Street, Stonebeck",
        "Open 08.30 - 12.30 daily",
        "2 x Coffee               7.00",
        "2x Tea                   5.00",
        "3 Cake                   9.00",
        "Milk x2                  2.40",
        "Water 4 @ 1.50           6.00",
        "7up Lemon                1.10",
        "Vitamin B12              4.00",
        "Apple pie",
        "2 x 3.50                 7.00",
        "said so (35,13)",
        "Juice of 5 fruits        2.00",
        "Total                   43.50",
        NULL
    };

    slip = 1;
    extract("[{\"name\":\"items\",\"type\":\"array\",\"children\":["
            "{\"name\":\"description\"},{\"name\":\"qty\"},"
            "{\"name\":\"unit_price\"},{\"name\":\"amount\"}]}]", lines);
    slip = 0;

    ok(rows("items") == 9, "nine items");
    cell("items", 0, 0, "Coffee");
    cell("items", 0, 1, "2");
    cell("items", 0, 3, "7.00");
    cell("items", 1, 0, "Tea");
    cell("items", 1, 1, "2");
    cell("items", 2, 0, "Cake");
    cell("items", 2, 1, "3");
    cell("items", 3, 1, "2");
    cell("items", 4, 0, "Water");
    cell("items", 4, 1, "4");
    cell("items", 4, 2, "1.50");
    cell("items", 4, 3, "6.00");
    cell("items", 5, 0, "7up Lemon");
    cell("items", 5, 1, NULL);
    cell("items", 6, 0, "Vitamin B12");
    cell("items", 6, 1, NULL);
    cell("items", 7, 0, "Apple pie");
    cell("items", 7, 1, "2");
    cell("items", 7, 2, "3.50");
    cell("items", 8, 0, "Juice of 5 fruits");
    cell("items", 8, 1, NULL);
    finish();
}


/* The total of a page that does not name it, or names a sum without tax. */

static void
total(const char *const *lines, const char *want)
{
    slip = 1;
    extract("[{\"name\":\"total\"}]", lines);
    slip = 0;
    field("total", want);
    finish();
}


static void
test_total(void)
{
    static const char *const  taxed[] = {
        "CORNER SHOP LTD", "", "Bread               3.20",
        "Wine               10.00", "",
        "Subtotal           13.20", "                    2.64",
        "                   15.84", NULL
    };
    static const char *const  two[] = {
        "CORNER SHOP LTD", "", "Bread               3.20",
        "Subtotal            3.20", "Wine               10.00",
        "Subtotal           13.20", NULL
    };
    static const char *const  count[] = {
        "CORNER SHOP LTD", "", "Bread               3.20", "",
        "Subtotal               4", "Visit us again", NULL
    };
    static const char *const  euros[] = {
        "CORNER SHOP LTD", "", "Bread               3.20", "",
        "Subtotal            EUR 4", "Visit us again", NULL
    };
    static const char *const  largest[] = {
        "CORNER SHOP LTD", "", "Bread               3.20",
        "Wine               10.00", "", "                   13.20",
        "Cash               20.00", "Change              6.80", NULL
    };
    static const char *const  net[] = {
        "CORNER SHOP LTD", "", "Bread               3.20",
        "Total excl. tax    13.20", "Tax                 2.64",
        "Total              15.84", NULL
    };

    total(taxed, "15.84");
    total(two, "13.20");
    total(count, "3.20");
    total(euros, "4");
    total(largest, "13.20");
    total(net, "15.84");
}


/* Who an invoice is for, where no label says so. */

static void
test_recipient(void)
{
    static const char *const  lines[] = {
        "Quarry Tools Ltd", "8 Quarry Lane, Stonebeck", "", "",
        "Ada Lovelace", "12 Mill Road", "10115 Berlin", "", "",
        "Invoice No: QL-2291", "",
        "Description                 Qty    Unit price     Amount",
        "Hammer                        2         10.00      20.00",
        "Total                                              20.00",
        "Thank you for your order.", "Come again.", "Goods remain ours.",
        NULL
    };
    static const char *const  labelled[] = {
        "Quarry Tools Ltd", "8 Quarry Lane, Stonebeck", "", "",
        "Bill to: Ada Lovelace       Date: 3 May 2026", "", "",
        "Total                                              20.00",
        NULL
    };
    static const char *const  lone[] = {
        "Quarry Tools Ltd", "8 Quarry Lane, Stonebeck", "", "",
        "10115 Berlin", "", "", "", "",
        "Invoice No: QL-2291", "", "",
        "Total                                              20.00",
        NULL
    };

    extract("[{\"name\":\"recipient\"}]", lines);
    field("recipient", "Ada Lovelace");
    finish();

    extract("[{\"name\":\"recipient\"}]", labelled);
    field("recipient", "Ada Lovelace");
    finish();

    extract("[{\"name\":\"recipient\"}]", lone);
    field("recipient", "");
    finish();
}


/* Words that tell German and French from English. */

static void
language(be_lang_e want, const char *words)
{
    const char *const  lines[] = { words, NULL };

    draw(lines);
    ok(be_lexicon_language(&page) == want, words);
    be_page_free(&page);
}


static void
test_language(void)
{
    language(BE_LANG_NONE, "Invoice no 17");
    language(BE_LANG_NONE, "");
    language(BE_LANG_NONE, "Rechnung Datum");
    language(BE_LANG_DE, "Rechnung Datum und Betrag");
    language(BE_LANG_NONE, "Facture de la");
    language(BE_LANG_FR, "FACTURE de la livraison");
    language(BE_LANG_FR, "Rechnung Datum Betrag facture tva prix client");
    language(BE_LANG_NONE, "Rechnung Datum Betrag facture tva prix");
    language(BE_LANG_NONE, "Rechnung Datum Betrag Menge facture tva prix de");
}


/* A column of the client's that is there twice, and rows without a name. */

static void
test_columns(void)
{
    static const char *const  twice[] = {
        "Quarry Tools Ltd", "",
        "Description       Price   Qty   Price    Amount    Amount",
        "Hammer            10.00     2    9.00     18.00     17.00",
        "Saw               20.00     1   19.00     19.00     18.00",
        "",
        "Total                                               35.00",
        NULL
    };
    static const char *const  priced[] = {
        "Quarry Tools Ltd", "",
        "Description                 Qty    Unit price",
        "Hammers of all kinds",
        "                              2         10.00",
        "Saw                           1         20.00",
        "",
        "Total                                   40.00",
        NULL
    };
    static const char  items[] =
        "[{\"name\":\"line_items\",\"type\":\"array\",\"children\":["
        "{\"name\":\"description\",\"type\":\"string\"},"
        "{\"name\":\"qty\",\"type\":\"number\"},"
        "{\"name\":\"unit_price\",\"type\":\"number\"},"
        "{\"name\":\"amount\",\"type\":\"number\"}]}]";

    extract(items, twice);
    ok(rows("line_items") == 2, "two rows");
    cell("line_items", 0, 0, "Hammer");
    cell("line_items", 0, 2, "10.00");
    cell("line_items", 0, 3, "17.00");
    cell("line_items", 1, 2, "20.00");
    cell("line_items", 1, 3, "18.00");
    finish();

    extract(items, priced);
    ok(rows("line_items") == 2, "two rows");
    cell("line_items", 0, 0, "Hammers of all kinds");
    cell("line_items", 0, 2, "10.00");
    cell("line_items", 0, 3, NULL);
    cell("line_items", 1, 0, "Saw");
    finish();
}


int
main(void)
{
    test_total();
    test_recipient();
    test_language();
    test_columns();
    test_vendor();
    test_address();
    test_phone();
    test_dates();
    test_items();

    return done();
}
