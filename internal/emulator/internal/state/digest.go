package state

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"

	"github.com/secretsync/secretsync/internal/secret"
)

// Digest is stored in place of a value: HMAC-SHA-256 under a random key of its own, so that
// equal values have different digests. The key is stored next to it, since this server has
// no better place: anyone who can read the state file can test guesses. That is good enough
// only for the values of a development server.
type Digest struct {
	Key   []byte `json:"key"`
	MAC   []byte `json:"mac"`
	Plain kept   `json:"plain,omitzero"` // only if the value is kept
}

// NewDigest returns the digest of a value, with the value itself if it is to be kept.
func NewDigest(value string, keep bool) Digest {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	d := Digest{Key: key, MAC: sum(key, []byte(value))}
	if keep {
		d.Plain = kept{secret.New([]byte(value))}
	}
	return d
}

// kept is a value in plaintext, which only a state file shows.
type kept struct{ secret.Value }

// IsZero reports whether there is no value.
func (k kept) IsZero() bool { return !k.IsSet() }

// MarshalJSON implements [json.Marshaler].
func (k kept) MarshalJSON() ([]byte, error) { return json.Marshal(k.Reveal()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (k *kept) UnmarshalJSON(data []byte) error {
	var value []byte
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	k.Value = secret.New(value)
	return nil
}

// Matches reports whether this is the digest of a value.
func (d Digest) Matches(value []byte) bool { return hmac.Equal(d.MAC, sum(d.Key, value)) }

func sum(key, value []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(value)
	return h.Sum(nil)
}
