// Package fuel is the forecourt: pumps and what they may do next, who has entered, what a
// plate that was typed in part selects, how much may be given, and whether what a meter
// says can be. It is values and rules alone; no clock, no radio, no pump.
//
//	entered.go   who is at this station now, by what the registry said of the codes heard
//	plate.go     how plates are compared; hangul.go, for those with Korean letters
//	narrow.go    what a part of a plate selects among those entered
//	state.go     the states of a pump
//	pump.go      a pump with whoever is selected at it, and the events that change it
//	arrows.go    the table of what each event does in each state
//	ceiling.go   the most that may be given
//	decimal.go   prices and quantities as people write them
//	check.go     whether what a station says that it gave can be
//
// # Guarantees
//
// Who has left is never selected, whatever is typed. A pump whose fuel is not settled is
// nobody else's. An event that is told again changes nothing. What is not in the table is
// refused and leaves the pump as it was.
package fuel
