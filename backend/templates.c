/*
 * The built-in schemas, by the ids of the public API.  Called by the front,
 * which checks what a client asks for.
 * Invariant: each one is a FieldSpec array that be_schema_parse() accepts.
 */

#include <string.h>

#include "buf.h"
#include "schema.h"


#define F(name)        "{\"name\":\"" name "\",\"type\":\"string\"}"
#define D(name, text)  "{\"name\":\"" name "\",\"type\":\"string\","          \
                       "\"description\":\"" text "\"}"
#define N(name)        "{\"name\":\"" name "\",\"type\":\"number\"}"
#define A(name, rows)  "{\"name\":\"" name "\",\"type\":\"array\","           \
                       "\"children\":[" rows "]}"

#define BE_LINE_ITEMS                                                         \
    A("line_items", F("description") "," N("qty") "," N("unit_price") ","     \
      N("amount"))


static const struct {
    const char  *id;
    int          rules;          /* can be read without an LLM */
    const char  *fields;
} be_templates[] = {

    { "invoice", 1,
      "[" F("vendor") "," F("recipient") "," F("invoice_no") ","
      F("invoice_date") "," F("due_date") "," BE_LINE_ITEMS ","
      F("subtotal") "," F("tax") "," F("total") "]" },

    { "receipt", 1,
      "[" F("store_name") "," F("store_address") "," F("store_phone") ","
      F("transaction_date") "," F("transaction_time") "," F("receipt_no") ","
      BE_LINE_ITEMS "," F("subtotal") "," F("tax") "," F("total") ","
      F("payment_method") "]" },

    { "purchase_order", 0,
      "[" D("buyer", "Company that orders") ","
      D("supplier", "Company that shall deliver") ","
      D("po_no", "Number of the order") "," F("order_date") ","
      F("delivery_date") "," D("delivery_address", "Ship to") ","
      F("payment_terms") "," BE_LINE_ITEMS "," F("subtotal") "," F("tax") ","
      F("total") "]" },

    { "delivery", 0,
      "[" D("sender", "Company that delivers") ","
      D("recipient", "Who receives the goods") ","
      D("delivery_no", "Number of the delivery note") ","
      F("delivery_date") "," F("order_no") ","
      D("delivery_address", "Ship to") ","
      A("line_items", F("description") "," N("qty") "," F("unit") ","
        D("item_no", "Article number")) "," F("total") "]" },

    { "quote", 0,
      "[" D("vendor", "Company that offers") ","
      D("recipient", "Whom the offer is for") "," F("quote_no") ","
      F("quote_date") "," D("valid_until", "Last day of the offer") ","
      F("payment_terms") "," BE_LINE_ITEMS "," F("subtotal") "," F("tax") ","
      F("total") "]" },

    { "business_card", 0,
      "[" D("name", "Name of the person") "," D("name_reading",
      "The name in another script or in kana") "," F("title") ","
      F("department") "," F("company") "," F("address") ","
      F("phone") "," F("mobile") "," F("fax") "," F("email") ","
      F("website") "]" },

    { "bankbook", 0,
      "[" F("bank_name") "," D("bank_code", "Code of the bank, or its BIC")
      "," F("branch_name") "," F("branch_code") ","
      D("account_type", "Such as ordinary or savings") ","
      F("account_no") "," F("account_holder") ","
      A("transactions", F("date") "," F("description") "," N("withdrawal")
        "," N("deposit") "," N("balance")) "]" },

    { "passport", 0,
      "[" F("type") "," D("country_code", "Code of the issuing state") ","
      F("passport_no") "," F("surname") "," F("given_names") ","
      F("nationality") "," F("date_of_birth") "," F("sex") ","
      F("place_of_birth") "," F("date_of_issue") "," F("date_of_expiry") ","
      F("authority") "," D("mrz", "Both machine-readable lines at the foot")
      "]" },

    { "driver_license", 0,
      "[" F("name") "," F("date_of_birth") "," F("address") ","
      F("license_no") "," D("license_class", "Classes or categories") ","
      F("date_of_issue") "," F("date_of_expiry") "," F("conditions") ","
      D("issuer", "Issuing authority or state") "]" },

    { "resident_card", 0,
      "[" F("name") "," F("date_of_birth") "," F("sex") "," F("address") ","
      D("household_head", "Head of the household") "," F("relationship")
      "," D("registered_domicile", "Place of the family register") ","
      D("moved_in_date", "Since when resident there") "," F("date_of_issue")
      "," D("issuer", "Municipality that certifies") "]" },

    { "my_number_card", 0,
      "[" F("name") "," F("address") "," F("date_of_birth") "," F("sex") ","
      D("my_number", "Individual number, 12 digits; on the back") ","
      D("date_of_expiry", "Of the card") ","
      D("certificate_expiry", "Of the electronic certificate") ","
      D("issuer", "Municipality") "]" },

    { "residence_card", 0,
      "[" F("name") "," F("date_of_birth") "," F("sex") ","
      D("nationality", "Nationality or region") "," F("address") ","
      D("status_of_residence", "Status, such as Engineer") ","
      F("work_permission") "," D("period_of_stay", "With its date") ","
      F("card_no") "," F("date_of_issue") "," F("date_of_expiry") "]" },

    { "india_electoral_roll_cover", 0,
      "[" F("state") "," D("assembly_constituency", "Number and name") ","
      D("parliamentary_constituency", "Number and name") ","
      F("part_no") "," F("revision_year") "," F("qualifying_date") ","
      F("publication_date") "," F("main_town_or_village") "," F("ward") ","
      F("police_station") "," F("tehsil") "," F("district") ","
      F("pin_code") "," D("polling_station", "Number and name") ","
      D("polling_station_address", "Address of the polling station") ","
      A("sections", F("number") "," F("name")) ","
      N("first_serial_no") "," N("last_serial_no") "," N("male_electors")
      "," N("female_electors") "," N("other_electors") ","
      N("total_electors") "]" },
};

#define be_count(a)  (sizeof(a) / sizeof((a)[0]))


/* The ids that can be used, for a message and for details.available. */

static json_t *
be_templates_list(int llm, char *text, size_t size)
{
    size_t   i, n, len = 0;
    json_t  *a = json_array();

    text[0] = '\0';

    for (i = 0; i < be_count(be_templates); i++) {
        if (!llm && !be_templates[i].rules) {
            continue;
        }

        json_array_append_new(a, json_string(be_templates[i].id));

        n = strlen(be_templates[i].id);

        if (len + n + 3 <= size) {
            memcpy(text + len, len ? ", " : "", len ? 2 : 0);
            len += len ? 2 : 0;
            memcpy(text + len, be_templates[i].id, n + 1);
            len += n;
        }
    }

    return a;
}


json_t *
be_template(const char *id, int llm, be_fault_t *f)
{
    int      known = 0;
    char     list[240];
    size_t   i;
    json_t  *available, *fields;

    for (i = 0; i < be_count(be_templates); i++) {
        if (strcmp(id, be_templates[i].id) != 0) {
            continue;
        }

        known = 1;

        if (be_templates[i].rules || llm) {
            fields = json_loads(be_templates[i].fields, 0, NULL);
            if (fields == NULL) {
                (void) be_fault(f, 500, "Internal error");
            }
            return fields;
        }
    }

    available = be_templates_list(llm, list, sizeof(list));

    if (known) {
        (void) be_fault_field(f, "templateId", "The template \"%.64s\" needs"
                              " the LLM extractor, which this backend has"
                              " not; available are: %s", id, list);

    } else {
        (void) be_fault_field(f, "templateId", "There is no template"
                              " \"%.32s\"; available are: %s", id, list);
    }

    json_object_set_new(f->details, "available", available);

    return NULL;
}


int
be_template_needs_llm(const json_t *fields)
{
    int      same = 0;
    size_t   i;
    json_t  *t;

    for (i = 0; i < be_count(be_templates) && !same; i++) {
        if (!be_templates[i].rules) {
            t = json_loads(be_templates[i].fields, 0, NULL);
            same = json_equal(t, fields);
            json_decref(t);
        }
    }

    return same;
}
