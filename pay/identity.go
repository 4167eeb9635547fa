package pay

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// DeriveIdentityKey returns the identity key that a device and the registry
// share, as the Eddystone-EID specification derives it: the first 16 bytes of
// HKDF-SHA256 over their X25519 secret with the resolver's and the beacon's
// public keys as salt and no info. Its error is that of the standard library's
// HKDF.
func DeriveIdentityKey(shared []byte, resolver, beacon BeaconKey) (IdentityKey, error) {
	salt := append(append(make([]byte, 0, len(resolver)+len(beacon)), resolver[:]...), beacon[:]...)
	key, err := hkdf.Key(sha256.New, shared, salt, "", len(IdentityKey{}))
	if err != nil {
		return IdentityKey{}, fmt.Errorf("derive identity key: %w", err)
	}
	return IdentityKey(key), nil
}
