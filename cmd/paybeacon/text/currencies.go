package text

import (
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// currencies are the ISO 4217 codes in use, by how many decimals their amounts have.
// They stand in one text each, which costs nothing until somebody looks one up: a
// library's table of them took more of the start of a command than all else. Published:
// ISO 4217, as the Unicode CLDR 48.1 has it.
var currencies = [...]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK " +
		"DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR " +
		"LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR " +
		"SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER " +
		"ZAR ZMW ZWG",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
}

// decimalsOf returns how many decimals amounts of a currency have, and whether there is
// such a currency.
func decimalsOf(cur pay.Currency) (decimals int, known bool) {
	if len(cur) != len("EUR") || strings.Contains(string(cur), " ") {
		return 0, false
	}
	for decimals, codes := range currencies {
		if strings.Contains(codes, string(cur)) {
			return decimals, true
		}
	}
	return 0, false
}
