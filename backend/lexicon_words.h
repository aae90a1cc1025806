#ifndef BE_LEXICON_WORDS_H
#define BE_LEXICON_WORDS_H

/*
 * The lists of lexicon.c, which alone includes this.
 */

#include "lexicon.h"

typedef struct {
    be_concept_e  concept;
    int           weight;
    const char   *labels;        /* separated by "|" */
} be_words_t;


static const be_words_t  be_lexicon[] = {

    { BE_C_VENDOR, 6, "vendor|supplier|seller|sold by|issued by|from|Lieferant"
      "|Verkäufer|Rechnungssteller|Rechnungsersteller|Absender|fournisseur"
      "|vendeur|émetteur"
      "|vendu par|発行元|販売元|供給者" },
    { BE_C_RECIPIENT, 8, "bill to|billed to|invoice to|sold to|bill-to"
      "|customer name|billing address|recipient|buyer|Rechnungsempfänger"
      "|Rechnung an|Käufer|Auftraggeber|Rechnungsadresse|facturé à"
      "|adresse de facturation|destinataire|acheteur|請求先|お客様名" },
    { BE_C_RECIPIENT, 5, "customer|client|to|Kunde|Empfänger|attn|宛先" },
    { BE_C_OTHER_NO, 1, "ship to|deliver to|delivery address|shipping address"
      "|Lieferadresse|Lieferanschrift|Warenempfänger|adresse de livraison"
      "|livré à|納品先|お届け先|contact|Ansprechpartner|contact commercial" },
    { BE_C_OTHER_NO, 3, "Seite|page|Kopie|copy|original|duplicate|duplicata"
      "|reprint|welcome|Warenrechnung|simplified tax invoice|thank you" },
    { BE_C_PHONE, 8, "telephone|phone|tel no|tel|Telefon|téléphone|tél|mobile"
      "|call us|電話番号|電話|TEL" },
    { BE_C_FAX, 8, "fax|telefax|télécopie|FAX番号" },
    { BE_C_EMAIL, 8, "email|e-mail|mail|courriel|メール" },
    { BE_C_WEB, 8, "website|web|internet|site web|url" },

    { BE_C_DOC_NO, 10, "invoice number|invoice no|invoice #|invoice id"
      "|inv no|inv #|invoice num|tax invoice no|tax invoice number"
      "|Rechnungsnummer|Rechnungs-Nr|Rechnung Nr|Rechnungsnr|Re-Nr"
      "|Rg-Nr|Beleg-Nr|Belegnummer|Beleg Nr|Rechnung Nummer|numéro de facture"
      "|n° de facture|facture n°|facture no|facture numéro|n° facture"
      "|no de facture|請求書番号|請求番号|領収書番号|領収書No|請求書No" },
    { BE_C_DOC_NO, 9, "receipt number|receipt no|receipt #|receipt id"
      "|bill no|bill number|bill #|cash bill no|document no|document number"
      "|doc no|doc #|slip no|transaction no|transaction number"
      "|transaction id|trans no|trans #|txn no|ticket no|ticket number|bon nr"
      "|Bon-Nr|Quittungsnummer|ticket n°|n° ticket|reçu n°|伝票番号"
      "|レシート番号|レシートNo|伝票No|取引番号" },
    { BE_C_DOC_NO, 5, "document|check #|check no|chk|trans|rcpt|ref no|bill"
      "|reference number|reference no|Gutschrift Nr|avoir n°|order id|伝票" },
    { BE_C_DOC_NO, 3, "invoice|tax invoice|receipt|cash bill|Rechnung|Facture"
      "|Avoir|Gutschrift|Rechnungskorrektur|Beleg|credit note|reçu|quittance"
      "|請求書|領収書|領収証" },
    { BE_C_ORDER_NO, 9, "order number|order no|order #|purchase order|po number"
      "|po no|po #|p.o. number|po reference|Bestellnummer|Bestell-Nr"
      "|Auftragsnummer|Auftrags-Nr|Auftrag-Nr|Bestellung|numéro de commande"
      "|n° de commande|commande n°|n° commande|注文番号|発注番号" },
    { BE_C_CUSTOMER_NO, 9, "customer number|customer no|customer id|client no"
      "|account number|account no|Kundennummer|Kunden-Nr|Kundennr"
      "|Debitor|n° client|numéro client|code client|顧客番号|お客様番号"
      "|member no|member id" },
    { BE_C_OTHER_NO, 9, "delivery note no|delivery note|Lieferschein-Nr"
      "|Lieferscheinnummer|Lieferschein|Lief-Nr|Lieferantennummer|GLN"
      "|bon de livraison|reg no|registration no|co reg no|company no|roc no"
      "|company reg no|SIRET|SIREN|RCS|HRB|APE|Handelsregister|terminal"
      "|terminal id|cashier|counter|table no|table|till|register|pos no|pos"
      "|cover|pax|server|operator|operator id|staff|salesman|salesperson"
      "|batch|approval code|approval no|auth code|auth no|authorization"
      "|card no|card number|登録番号|電話注文|担当|レジ|店No|責任者"
      "|Vertrags-Nr|Versicherungsnummer|Steuernummer|Steuer-Nr|WEE-Reg-Nr"
      "|Projekt|project|item|items|item(s)|no of items|total items"
      "|total item|total qty|total quantity|qty total|item count"
      "|number of items|Anzahl Artikel" },
    { BE_C_VAT_ID, 9, "VAT ID|VAT no|VAT number|VAT reg no|tax id|GST no"
      "|GST id|GST reg no|GST reg|GST registration no|gst reg #|USt-IdNr"
      "|USt-ID|USt-Id-Nr|Umsatzsteuer-ID|UID|n° TVA|TVA intracommunautaire"
      "|n° TVA client|numéro de TVA|TIN|EIN|GSTIN|ABN|SST no|SST id" },
    { BE_C_IBAN, 9, "IBAN" },
    { BE_C_BIC, 9, "BIC|SWIFT|SWIFT code" },

    { BE_C_DATE, 10, "invoice date|date of invoice|invoice dt|bill date"
      "|billing date|receipt date|issue date|date of issue|issued on|issued"
      "|date issued|tax date|document date|Rechnungsdatum|Belegdatum"
      "|Beleg-Datum|Ausstellungsdatum|date de facture|date facture"
      "|date de facturation|date d'émission|date du document|facture du"
      "|発行日|請求日|請求書日付|transaction date|purchase date|date of purchase"
      "|取引日|領収日|Datum der Rechnung|Rechnung vom|date & time|date/time" },
    { BE_C_DATE, 7, "date|Datum|dated|日付|le|Date du|doc date|trans date" },
    { BE_C_DUE_DATE, 9, "due date|payment due date|payment due|due on|due by"
      "|pay by|payable by|Fälligkeitsdatum|fällig am|Fälligkeit|zahlbar bis"
      "|Zahlungsziel|Zahlungsfrist|zu zahlen bis|date d'échéance|échéance"
      "|date limite de paiement|à payer avant|支払期限|お支払期限|支払期日"
      "|お支払い期限|due" },
    { BE_C_DELIVERY_DATE, 9, "delivery date|ship date|shipping date"
      "|date shipped|service date|Lieferdatum|Leistungsdatum|Leistungs-Datum"
      "|Liefertermin|Lieferschein-Datum|Leistungszeitraum|Lieferzeitraum"
      "|date de livraison|date de prestation|納品日|service period|period"
      "|billing period|Abrechnungszeitraum|période" },
    { BE_C_ORDER_DATE, 9, "order date|date of order|Bestelldatum"
      "|Bestell-Datum|Auftragsdatum|date de commande|注文日|date commande"
      "|expiry date|expiry|exp date|valid until|gültig bis|print date"
      "|printed on|date of birth|gedruckt am|Eintrittsdatum|Vertragsbeginn" },
    { BE_C_TIME, 7, "time|Uhrzeit|Zeit|heure|時刻|時間|transaction time" },

    { BE_C_SUBTOTAL, 9, "subtotal|sub total|sub-total|Zwischensumme"
      "|Nettobetrag|Netto-Betrag|Nettosumme|Summe netto|Gesamtbetrag netto"
      "|Gesamt netto|Netto gesamt|Warenwert netto|total HT|montant HT"
      "|sous-total|sous total|total hors taxes|total net HT|小計|税抜合計"
      "|税抜金額|total excl gst|total excluding gst|total excl tax"
      "|total before tax|total excl vat|total excluding vat|total ex vat"
      "|net total excl|amount before tax|untaxed amount|taxable amount"
      "|total (excluding gst)|total excl of gst|total exclude gst|net value"
      "|total amount (excluding gst)|Betrag netto|Rechnungsbetrag netto"
      "|total without tax|Total net|Summe ohne MwSt|total sales excluding gst"
      "|total sales (excluding gst)|total before gst|Summe exkl" },
    { BE_C_SUBTOTAL, 8, "net total|price total excl|total net amount" },
    { BE_C_SUBTOTAL, 6, "netto|net|net amount|HT|Warenwert|base HT"
      "|net sales|本体価格" },
    { BE_C_TAX, 9, "total tax|total taxes|total VAT|total TVA|total GST"
      "|sales tax|VAT amount|tax amount|GST amount|montant TVA|montant de TVA"
      "|MwSt-Betrag|Mehrwertsteuer|Umsatzsteuer|USt-Betrag|Steuerbetrag"
      "|Versicherungssteuer|Versicherungsteuer|消費税|消費税額|税額|内消費税"
      "|内消費税等|消費税等|total sales tax|gst payable|tax total|GST 6%"
      "|zzgl. MwSt|zzgl. USt|inkl. MwSt|enthaltene MwSt|MwSt gesamt"
      "|add gst|gst @ 6%|gst @6%|gst(6%)|service tax|state tax|taxe" },
    { BE_C_TAX, 7, "tax|VAT|GST|MwSt|USt|TVA|SST|taxes|Steuer|外税|内税" },
    { BE_C_TAX_RATE, 9, "tax rate|VAT rate|MwSt-%|MwSt-Satz|Steuersatz"
      "|taux TVA|taux|税率|tax code|USt-Satz|gst %|vat %|tax %|MwSt %|USt %"
      "|tax summary|gst summary|gst analysis|gst details|gst code|tax type" },

    { BE_C_TOTAL, 10, "grand total|total due|invoice total|total payable"
      "|amount payable|rounded total|total rounded|total after rounding"
      "|total incl gst|total incl tax|total incl vat|total inclusive gst"
      "|total inclusive of gst|total including gst|total including vat"
      "|total (inclusive of gst)|total sales (inclusive of gst)"
      "|total sales inclusive gst|total sales inclusive of gst"
      "|total amt incl gst|total amt payable|total amount payable"
      "|total amount due|total with tax|total amount incl gst"
      "|Gesamtbetrag|Rechnungsbetrag|Endbetrag|Bruttobetrag|Gesamtsumme"
      "|Gesamtbetrag brutto|Summe brutto|Gesamt brutto|zu zahlen"
      "|zu zahlender Betrag|Zahlbetrag|Rechnungssumme|Endsumme"
      "|Rechnungsendbetrag|Gesamtpreis|Gesamt EUR|Summe EUR|Gesamtbeitrag"
      "|total TTC|montant TTC|net à payer|montant total|total à payer"
      "|total général|montant à payer|合計金額|総合計|ご請求金額|請求金額"
      "|お買上合計|お支払合計|税込合計|お買上げ合計|合計|お会計" },
    { BE_C_TOTAL, 9, "nett total|total amount|total amt|total sales"
      "|total rm|total(rm)|total (rm)|total eur|total usd|final total"
      "|total charge|total price|total bill|total paid|total invoice amount"
      "|order total|total payment|amount total|total value|total (eur)" },
    { BE_C_TOTAL, 7, "total|Gesamt|Summe|Brutto|total net TTC|領収金額|金額計"
      "|TTC" },
    { BE_C_TOTAL, 6, "amount due|balance due|solde à payer|reste à payer"
      "|montant dû|payment amount|net amt|amount|balance|Betrag" },
    { BE_C_CASH, 8, "cash|cash tendered|tendered|amount tendered|tender"
      "|cash received|amount paid|paid|payment|paid amount|bar|gegeben"
      "|Bar gegeben|espèces|cash payment|visa|mastercard|master card|debit"
      "|credit card|card|Karte|carte|payé|現金|お預り|お預かり|預り金|クレジット"
      "|payment received|cash rm|cash (rm)|visa card|amount received" },
    { BE_C_CHANGE, 8, "change|change due|cash change|balance change|Rückgeld"
      "|zurück|rendu|monnaie|お釣り|お釣|釣銭|おつり|change rm|change amt" },
    { BE_C_DISCOUNT, 8, "discount|total discount|item discount|Rabatt|Skonto"
      "|remise|rem|値引|割引|savings|total savings|you saved|disc|Nachlass"
      "|Rechnungsrabatt|Artikelrabatt|promo" },
    { BE_C_OTHER_MONEY, 8, "rounding|rounding adjustment|rounding adj|round"
      "|round adj|rounding adjust|service charge|svc chg|tip|gratuity"
      "|shipping|freight|Versand|Versandkosten|Fracht|Transportkosten"
      "|Porto|frais de port|livraison|送料|deposit|Anzahlung|acompte|Pfand"
      "|points|point balance|opening balance|previous balance|Kontostand"
      "|total excluding|capital|credit|service charges|handling" },
    { BE_C_PAYMENT, 9, "payment method|payment type|paid by|payment mode"
      "|mode of payment|pay method|method of payment|Zahlungsart"
      "|Zahlungsweise|Bezahlt mit|mode de paiement|mode de règlement"
      "|moyen de paiement|règlement|支払方法|お支払方法|決済方法" },
    { BE_C_CURRENCY, 9, "currency|Währung|devise|通貨" },
    { BE_C_TERMS, 9, "terms|payment terms|Zahlungsbedingungen"
      "|Zahlungskonditionen|conditions de paiement|支払条件" },
};


/* Words over the columns of a table; read only where a header is sought. */

static const be_words_t  be_columns[] = {
    { BE_C_DESCRIPTION, 8, "description|item description|description of goods"
      "|product|products|product name|particulars|details|service|services"
      "|item|items|item name|article|goods|Bezeichnung"
      "|Artikelbezeichnung|Artikelbeschreibung"
      "|Produktbeschreibung|Warenbezeichnung"
      "|Beschreibung|Artikel|Leistung|Leistungsbeschreibung|Produkt|Position"
      "|Text|désignation|libellé|produit|品名|商品名|品目|内容|項目|摘要"
      "|name|task|activity|Titel" },
    { BE_C_QTY, 8, "qty|quantity|quantities|units|hours|hrs|Menge"
      "|Stückzahl|Anzahl|Stk"
      "|Stück|Std|quantité|qté|quant|数量|個数|no of units|count|qty." },
    { BE_C_UNIT_PRICE, 8, "unit price|price|unit cost|rate|price/unit|u.price"
      "|u/price|price each|each|s/price|Einzelpreis|Stückpreis|E-Preis"
      "|Nettopreis|Preis|Preis/Einheit|EP|prix unitaire|prix unit|PU|P.U."
      "|prix|PU HT|prix u|単価|unitprice|price (rm)|Einzel|cost|prix unit. HT"
      "|unit price (rm)" },
    { BE_C_AMOUNT, 8, "amount|total|line total|total price|net amount|value"
      "|ext price|extended price|subtotal|amt|sum|price total|net price"
      "|Gesamtpreis|Gesamt|Betrag|Nettowert|Summe|Gesamtbetrag|Nettobetrag"
      "|G-Preis|Preis gesamt|montant|montant HT|prix HT|total HT|prix total"
      "|金額|小計|価格|amount (rm)|amount(rm)|total (rm)|amt(rm)|net|GP"
      "|total amount|cost total|montant TTC|total TTC" },
    { BE_C_SKU, 8, "item code|code|item no|item #|sku|product code|article no"
      "|part no|Artikelnummer|Art-Nr|Artikel-Nr|Art.-Nr.|référence|réf|ref"
      "|GTIN|EAN|商品コード|品番|no|no.|#|pos|pos.|Nr|Art-Nr-Lieferant"
      "|Art-Nr-Kunde|s/n|line|id" },
    { BE_C_TAX_RATE, 8, "tax|vat|gst|MwSt|USt|TVA|tax %|vat %|tax rate|taxes"
      "|MwSt-%|税率|tax code|gst code|% TVA|taux" },
    { BE_C_DISCOUNT, 8, "discount|disc|disc %|Rabatt|remise|rem|値引" },
    { BE_C_OTHER_MONEY, 8, "unit|uom|Einheit|ME|unité|単位|VKE|VKE/Geb"
      "|tax amount|tax amt|gst amount|gst (rm)" },
    { BE_C_DATE, 8, "date|Datum|日付" },
};


/* How clients name the fields that they ask for. */

static const be_words_t  be_names[] = {
    { BE_C_VENDOR, 0, "vendor|vendor name|supplier|supplier name|seller"
      "|store name|store|shop|shop name|merchant|merchant name|company"
      "|company name|issuer|restaurant|from|billing company|biller" },
    { BE_C_RECIPIENT, 0, "recipient|recipient name|customer|customer name"
      "|bill to|buyer|client|client name|billed to|to" },
    { BE_C_ADDRESS, 0, "store address|address|vendor address|shop address"
      "|supplier address|merchant address|company address|seller address" },
    { BE_C_PHONE, 0, "phone|store phone|telephone|tel|phone number"
      "|vendor phone|merchant phone|contact number" },
    { BE_C_FAX, 0, "fax|fax number" },
    { BE_C_EMAIL, 0, "email|e-mail|email address|vendor email" },
    { BE_C_WEB, 0, "website|url|web" },
    { BE_C_DOC_NO, 0, "invoice no|invoice number|invoice id|invoice #"
      "|receipt no|receipt number|receipt id|bill no|bill number"
      "|document no|document number|inv no|transaction no|transaction id" },
    { BE_C_ORDER_NO, 0, "po|po no|po number|order no|order number|order id"
      "|purchase order|po reference|purchase order number" },
    { BE_C_CUSTOMER_NO, 0, "customer no|customer number|customer id"
      "|account no|account number" },
    { BE_C_VAT_ID, 0, "vat id|vat no|vat number|tax id|gst no|gst id|tax no"
      "|vendor vat|ust id|tax number" },
    { BE_C_IBAN, 0, "iban" },
    { BE_C_BIC, 0, "bic|swift" },
    { BE_C_DATE, 0, "date|invoice date|transaction date|receipt date"
      "|issue date|bill date|purchase date|date of issue|issued on" },
    { BE_C_DUE_DATE, 0, "due date|payment due|payment due date|due" },
    { BE_C_DELIVERY_DATE, 0, "delivery date|service date|ship date" },
    { BE_C_ORDER_DATE, 0, "order date" },
    { BE_C_TIME, 0, "time|transaction time|receipt time" },
    { BE_C_SUBTOTAL, 0, "subtotal|sub total|net|net amount|net total"
      "|total before tax|amount before tax|total net" },
    { BE_C_TAX, 0, "tax|vat|gst|tax amount|vat amount|total tax|sales tax"
      "|consumption tax|tva|mwst" },
    { BE_C_TAX_RATE, 0, "tax rate|vat rate" },
    { BE_C_TOTAL, 0, "total|grand total|total amount|amount due|amount"
      "|invoice total|gross|gross amount|total due|gross total|sum" },
    { BE_C_CASH, 0, "cash|amount paid|paid|tendered" },
    { BE_C_CHANGE, 0, "change|change due" },
    { BE_C_DISCOUNT, 0, "discount|total discount" },
    { BE_C_PAYMENT, 0, "payment method|payment type|payment|paid by" },
    { BE_C_CURRENCY, 0, "currency" },
    { BE_C_TERMS, 0, "terms|payment terms" },
    { BE_C_ITEMS, 0, "line items|items|lines|products|positions|articles" },
};

#endif
