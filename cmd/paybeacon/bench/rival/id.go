package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"
)

func newID() pgtype.UUID {
	id := pgtype.UUID{Valid: true}
	_, _ = rand.Read(id.Bytes[:]) // it never fails
	return id
}

func uuidText(id pgtype.UUID) string {
	b := id.Bytes
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// peek reads a body whose signature is not checked yet.
func peek(raw []byte, b *body) error {
	var f fact
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	return json.Unmarshal(f.Payload, b)
}
