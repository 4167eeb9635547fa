package fuel

import "slices"

// The life of a pump.
//
//	          lifted            selected             released
//	free <------------> in_use -----------> locked -----------> in_transaction
//	 ^         hung        ^                  ^                    |       |
//	 |                     |                  |    ended, nothing  |       | ended, and
//	 '---------------------'------------------'---- was given -----'       v it gave
//	 ^                                        ^                       ready_to_pay
//	 '----------------------------------------'------ settled -------------'
//
//	any state --failed--> out_of_order --back--> the state before, and what happened since
//
// What a pump tells is followed wherever it can be true, whatever the station had in
// mind: the answer to a release may be lost, a stop may come too late, and a pump may
// give to somebody whom nobody selected. What nobody was released for is never charged to
// whoever is selected: it waits, with a Doubt, for the attendant.
//
// The table is arrows, guards.go has its conditions and deeds.go what else an arrow does.

// The ends of arrows that are no states.
const (
	// Stay is the state it was in.
	Stay State = "stay"
	// Rest is in_transaction where the pump gives, locked where somebody is selected,
	// in_transaction where somebody before may still be given fuel, in_use where a nozzle
	// is lifted, else free.
	Rest State = "rest"
	// Former is the state before the pump was out of order.
	Former State = "former"
)

// Arrow is a row of the life of a pump. Of the rows for a state and an event the first one
// is followed whose guard holds; where none is there, the event is refused as NotNow.
type Arrow struct {
	From   []State
	On     What
	If     *Guard // nil: always
	To     State
	Refuse Refusal // instead of To
	do     deed
}

func (a Arrow) from(s State) bool { return slices.Contains(a.From, s) }

// Arrows returns the table.
func Arrows() []Arrow { return slices.Clone(arrows) }

func in(s ...State) []State { return s }

var (
	unselected = in(Free, InUse)
	selected   = in(Locked, InTransaction)
	unpaid     = in(Free, InUse, Locked, InTransaction)
	working    = in(Free, InUse, Locked, InTransaction, ReadyToPay)
)

// arrows is the table.
var arrows = slices.Concat(atTheNozzle, selecting, releasing, beginning(Began, begun), beginning(Metered, metered), ending, leaving)

var atTheNozzle = []Arrow{
	{From: working, On: Lifted, If: noNozzle, Refuse: NoProduct},
	{From: unselected, On: Lifted, To: InUse, do: lift},
	{From: selected, On: Lifted, If: wrongNozzle, Refuse: WrongProduct},
	{From: working, On: Lifted, To: Stay, do: lift},
	{From: unselected, On: Hung, To: Free, do: hang},
	{From: working, On: Hung, To: Stay, do: hang},
}

var selecting = []Arrow{
	{From: working, On: Guessed, If: somebody, To: Stay},
	{From: working, On: Guessed, To: Stay, do: guess},

	{From: in(OutOfOrder), On: Selected, Refuse: OutOfUse},
	{From: working, On: Selected, If: sameSelection, To: Stay, do: raise},
	{From: working, On: Selected, If: noSelection, Refuse: OtherSession},
	{From: working, On: Selected, If: noProduct, Refuse: NoProduct},
	{From: in(InTransaction), On: Selected, If: gives, Refuse: GivesAlready},
	{From: in(ReadyToPay), On: Selected, If: somebody, Refuse: Unsettled},
	{From: in(ReadyToPay), On: Selected, To: Stay, do: choose},
	{From: unpaid, On: Selected, If: betterKnown, Refuse: LessSure},
	{From: unpaid, On: Selected, If: wrongLifted, Refuse: WrongProduct},
	{From: unselected, On: Selected, To: Locked, do: choose},
	{From: in(Locked), On: Selected, To: Locked, do: supplant},
	{From: in(InTransaction), On: Selected, To: Locked, do: supplantReleased},
}

var releasing = []Arrow{
	{From: in(OutOfOrder), On: Released, Refuse: OutOfUse},
	{From: in(InTransaction, ReadyToPay), On: Released, If: isSelected, To: Stay},
	{From: working, On: Released, If: isNotSelected, Refuse: OtherSession},
	{From: in(Locked), On: Released, If: oneIsEnding, Refuse: StillEnding},
	{From: in(Locked), On: Released, If: notHeld, Refuse: NotHeld},
	{From: in(Locked), On: Released, To: InTransaction},
}

// beginning returns the rows for an event that tells that a pump gives, of which it may be
// the first.
func beginning(on What, then deed) []Arrow {
	return []Arrow{
		{From: working, On: on, If: noTransaction, Refuse: OtherTransaction},
		{From: working, On: on, If: isSettled, To: Stay},
		{From: in(InTransaction), On: on, If: isCurrent, To: Stay, do: then},
		{From: in(ReadyToPay), On: on, If: isCurrent, To: Stay},
		{From: in(ReadyToPay), On: on, Refuse: Unsettled},
		{From: in(InTransaction), On: on, If: gives, Refuse: OtherTransaction},
		{From: in(Locked), On: on, If: isSelected, To: InTransaction, do: each(beginUnasked, then)},
		{From: in(InTransaction), On: on, If: isSelected, To: InTransaction, do: each(begin, then)},
		{From: selected, On: on, If: isEnding, To: InTransaction, do: each(beginEnding, then)},
		{From: unpaid, On: on, To: InTransaction, do: each(beginStray, then)},
	}
}

var ending = []Arrow{
	{From: working, On: Ended, If: isSettled, To: Stay},
	{From: working, On: Ended, If: gaveUnnumbered, Refuse: OtherTransaction},
	{From: in(ReadyToPay), On: Ended, If: isCurrent, To: Stay},
	{From: in(ReadyToPay), On: Ended, If: endingGotNothing, To: Stay, do: endEnding},
	{From: in(ReadyToPay), On: Ended, If: gaveNothing, To: Stay},
	{From: in(ReadyToPay), On: Ended, Refuse: Unsettled},
	{From: in(InTransaction), On: Ended, If: currentGaveNothing, To: Rest, do: endEmpty},
	{From: in(InTransaction), On: Ended, If: isCurrent, To: ReadyToPay, do: end},
	{From: selected, On: Ended, If: endingGotNothing, To: Rest, do: endEnding},
	{From: in(InTransaction), On: Ended, If: givesAndNothing, To: Stay},
	{From: in(InTransaction), On: Ended, If: gives, Refuse: OtherTransaction},
	{From: selected, On: Ended, If: selectedGotNothing, To: Rest, do: endEmpty},
	{From: in(Locked), On: Ended, If: isSelected, To: ReadyToPay, do: each(beginUnasked, end)},
	{From: in(InTransaction), On: Ended, If: isSelected, To: ReadyToPay, do: each(begin, end)},
	{From: selected, On: Ended, If: isEnding, To: ReadyToPay, do: each(beginEnding, end)},
	{From: unpaid, On: Ended, If: gaveNothing, To: Stay},
	{From: unpaid, On: Ended, To: ReadyToPay, do: each(beginStray, end)},
}

var leaving = []Arrow{
	{From: working, On: Settled, If: isSettled, To: Stay},
	{From: in(ReadyToPay), On: Settled, If: isCurrent, To: Rest, do: settle},
	{From: working, On: Settled, Refuse: OtherTransaction},

	{From: in(Locked), On: Cancelled, If: isSelected, To: Rest, do: cancel},
	{From: in(InTransaction), On: Cancelled, If: selectedGets, Refuse: GivesAlready},
	{From: in(InTransaction), On: Cancelled, If: isSelected, To: InTransaction, do: cancelReleased},
	{From: in(ReadyToPay), On: Cancelled, If: isSelected, Refuse: Unsettled},
	{From: working, On: Cancelled, If: isEnding, To: Stay},
	{From: working, On: Cancelled, Refuse: OtherSession},

	{From: working, On: Failed, To: OutOfOrder, do: fail},
	{From: in(OutOfOrder), On: Failed, To: Stay},
	{From: in(OutOfOrder), On: Back, To: Former},
	{From: working, On: Back, To: Stay},
}
