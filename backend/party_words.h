#ifndef BE_PARTY_WORDS_H
#define BE_PARTY_WORDS_H

/* The lists of rules_party.c, which alone includes this. */

static const char  *be_companies[] = {
    "gmbh", "ag", "kg", "ohg", "ug", "e.k.", "a.g.", "ev", "sarl", "sas",
    "sasu", "eurl", "sa", "sdn", "bhd", "s/b", "ltd", "limited", "llc", "inc",
    "inc.", "corp", "corp.", "corporation", "company", "co.", "plc", "bv",
    "b.v.", "srl", "spa", "oy", "ab", "pty", "enterprise", "enterprises",
    "trading", "restaurant", "restoran", "store", "stores", "market", "mart",
    "supermarket", "hypermarket", "pharmacy", "hotel", "cafe", "bakery",
    "bakeries", "kg.", "ltd.", "hardware", "mini", "minimarket", "caf\xC3\xA9",
    "\xE6\xA0\xAA\xE5\xBC\x8F\xE4\xBC\x9A\xE7\xA4\xBE",
    "\xE6\x9C\x89\xE9\x99\x90\xE4\xBC\x9A\xE7\xA4\xBE", NULL
};

static const char  *be_streets[] = {
    "jalan", "jln", "jl", "lorong", "taman", "tmn", "bandar", "kampung",
    "lot", "no", "street", "st", "road", "rd", "avenue", "ave", "blvd",
    "boulevard", "drive", "lane", "floor", "level", "unit", "suite", "block",
    "blk", "persiaran", "lebuh", "plaza", "kawasan", "seksyen", "rue",
    "chemin", "place", "cedex", "platz", "weg", "allee", "ground", "batu",
    "selangor", "johor", "penang", "melaka", "perak", "kedah", "pahang",
    "kuala", "mall", "square", "highway", "hwy", "po", "town", "city", NULL
};

/* Last lines of addresses; nobody's name. */

static const char  *be_countries[] = {
    "deutschland", "germany", "\xC3\xB6sterreich", "austria", "schweiz",
    "suisse", "switzerland", "france", "belgique", "belgium", "luxembourg",
    "espa\xC3\xB1" "a", "spain", "italia", "italy", "portugal", "ireland",
    "england", "scotland", "wales", "uk", "usa", "canada", "australia",
    "malaysia", "singapore", "indonesia", "india", "japan", "china",
    "nederland", "netherlands", "polska", "poland", "sweden", "denmark", NULL
};

#endif
