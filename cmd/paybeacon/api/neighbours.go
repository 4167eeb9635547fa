package api

import "github.com/paybeacon/paybeacon/pay"

// Place is a site of a merchant.
type Place struct {
	Merchant pay.Name `json:"merchant"`
	Site     pay.Name `json:"site"`
}

// Neighbours are two places that the operator has declared to be neighbours.
// Declared is false in the answer to a removal.
type Neighbours struct {
	V        int    `json:"v"`
	Type     string `json:"type"`
	A        Place  `json:"a"`
	B        Place  `json:"b"`
	Declared bool   `json:"declared"`
	Since    string `json:"since"`
}

// NeighboursRequest asks that two places are declared neighbours, or that this is
// ended. A place is named by its site, by its merchant where that has one, or by
// MERCHANT/SITE.
type NeighboursRequest struct {
	A   string `json:"a"`
	B   string `json:"b"`
	End bool   `json:"end,omitempty"`
}

// Earshot is a place that heard Codes of the same customers as another one, and is
// no declared neighbour of it. Place is where that is known: at the registry.
type Earshot struct {
	Place *Place `json:"place,omitempty"`
	Codes uint32 `json:"codes"`
	Last  string `json:"last"`
}

// EarshotPair is two places that heard Codes of the same customers and are no
// declared neighbours.
type EarshotPair struct {
	A     Place  `json:"a"`
	B     Place  `json:"b"`
	Codes uint32 `json:"codes"`
	Last  string `json:"last"`
}

// The verbs of a registry on neighbours.
var (
	VerbDeclareNeighbours = Verb[NeighboursRequest, Neighbours]{"declare-neighbours", false}
	VerbNeighbours        = Verb[Nothing, List[Neighbours]]{"neighbours", true}
)
