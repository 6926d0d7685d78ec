// Package generate generates random values for secrets that no person has to know.
package generate

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/secret"
)

// Encoding says how random bytes are written as text.
type Encoding string

// The encodings.
const (
	Hex          Encoding = "hex"
	Base64       Encoding = "base64"
	Base64URL    Encoding = "base64url" // without padding
	Alphanumeric Encoding = "alphanumeric"
	UUID         Encoding = "uuid" // version 4
)

// Encodings lists all of them, for messages and completion.
var Encodings = []Encoding{Hex, Base64, Base64URL, Alphanumeric, UUID}

// The limits. A value with fewer than 16 random bytes may become guessable; a value in the
// Secrets Store has at most 65,536 bytes (docs/cloudflare-api.md §5).
const (
	minBytes  = 16
	maxBytes  = 32768 // in hex, as long as the largest allowed value
	minLength = 22    // letters and digits with 128 random bits
	maxLength = 65536
)

// Spec describes the value to generate: Bytes random bytes in an encoding; Length
// characters for Alphanumeric; neither for UUID.
type Spec struct {
	Bytes, Length int
	Encoding      Encoding
}

// Check reports what is wrong with the spec.
func (s Spec) Check() error {
	switch s.Encoding {
	case Hex, Base64, Base64URL:
		if s.Length != 0 {
			return fmt.Errorf("%s counts bytes: give bytes, not length", s.Encoding)
		}
		if s.Bytes < minBytes || s.Bytes > maxBytes {
			return fmt.Errorf("bytes must be %d to %d", minBytes, maxBytes)
		}
	case Alphanumeric:
		if s.Bytes != 0 {
			return errors.New("alphanumeric counts characters: give length, not bytes")
		}
		if s.Length < minLength || s.Length > maxLength {
			return fmt.Errorf("length must be %d to %d", minLength, maxLength)
		}
	case UUID:
		if s.Bytes != 0 || s.Length != 0 {
			return errors.New("a uuid has one length: give neither bytes nor length")
		}
	default:
		return fmt.Errorf("the encoding must be one of %v", Encodings)
	}
	return nil
}

// String describes the value in words. Two specs have the same text only if they are equal.
func (s Spec) String() string {
	switch s.Encoding {
	case UUID:
		return "generate uuid"
	case Alphanumeric:
		return fmt.Sprintf("generate %d characters %s", s.Length, s.Encoding)
	}
	return fmt.Sprintf("generate %d bytes %s", s.Bytes, s.Encoding)
}

// Value generates a value. The spec must have passed Check.
func (s Spec) Value() secret.Value {
	switch s.Encoding {
	case Alphanumeric:
		return secret.New(alphanumeric(s.Length))
	case UUID:
		return secret.New(uuid())
	}
	b := make([]byte, s.Bytes)
	rand.Read(b) // never fails: crypto/rand ends the program instead (Go 1.24)
	defer clear(b)
	switch s.Encoding {
	case Hex:
		return secret.New(hex.AppendEncode(nil, b))
	case Base64:
		return secret.New(base64.StdEncoding.AppendEncode(nil, b))
	}
	return secret.New(base64.RawURLEncoding.AppendEncode(nil, b))
}

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// alphanumeric chooses every character with equal probability: it discards bytes that would
// favour the first characters of the alphabet.
func alphanumeric(n int) []byte {
	const fair = 256 - 256%len(letters)
	text := make([]byte, 0, n)
	b := make([]byte, 64)
	defer clear(b)
	for len(text) < n {
		rand.Read(b)
		for _, c := range b {
			if int(c) < fair && len(text) < n {
				text = append(text, letters[int(c)%len(letters)])
			}
		}
	}
	return text
}

// uuid is a version 4 UUID (RFC 9562, 5.4).
func uuid() []byte {
	b := make([]byte, 16)
	rand.Read(b)
	defer clear(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := hex.AppendEncode(nil, b)
	dashed := make([]byte, 0, 36)
	for i, part := range []int{8, 4, 4, 4, 12} {
		if i > 0 {
			dashed = append(dashed, '-')
		}
		dashed, text = append(dashed, text[:part]...), text[part:]
	}
	return dashed
}
