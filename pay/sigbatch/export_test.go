package sigbatch

// Together is Wrong for batches of any size.
func Together(v *Verifier, all []Signature) []int { return v.wrong(all, 1) }
