package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
)

// KeySize is the length of a fingerprint key in bytes.
const KeySize = 32

// saltSize is the length of a fingerprint's salt in bytes: enough that two
// applies of one value never share one by chance.
const saltSize = 16

// ErrBadKey says that a text is not a fingerprint key. It never quotes it.
var ErrBadKey = errors.New("not a fingerprint key: want the base64 of 32 bytes")

// Key is the HMAC key of a lockfile's fingerprints. The zero Key is unset.
type Key struct {
	value Value
}

// NewKey generates a key from the system's random source.
func NewKey() Key {
	b := make([]byte, KeySize)
	rand.Read(b) // never fails: crypto/rand ends the program instead (Go 1.24)
	return Key{New(b)}
}

// ParseKey reads the base64 of 32 bytes, standard or URL alphabet, with or
// without padding, white space around it ignored. The error is [ErrBadKey].
func ParseKey(text string) (Key, error) {
	s := strings.TrimRight(strings.TrimSpace(text), "=")
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || len(b) != KeySize {
		return Key{}, ErrBadKey
	}
	return Key{New(b)}, nil
}

// IsSet reports whether k is a key.
func (k Key) IsSet() bool { return k.value.IsSet() }

// Export returns the key as [ParseKey] reads it, as a value that cannot be
// printed: for sealing it, or for writing the key file.
func (k Key) Export() Value {
	return New(base64.StdEncoding.AppendEncode(nil, k.value.Reveal()))
}

// ID names the key without telling it: 16 hexadecimal digits of an HMAC.
func (k Key) ID() string {
	return hex.EncodeToString(k.MAC("secretsync/key-id/v1"))[:16]
}

// Subject is what a fingerprint is bound to, so that a record copied to another
// secret proves nothing there.
type Subject struct {
	AccountID, Store, Secret string
}

// Fingerprint is a salted, keyed digest of one secret's value: "v1.SALT.MAC",
// both parts base64url without padding. Its length says nothing about the
// value's.
type Fingerprint string

const fingerprintVersion = "v1"

// Fingerprint digests v under a fresh salt, so that two fingerprints of one
// value differ, even for one secret.
func (k Key) Fingerprint(s Subject, v Value) Fingerprint {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails, as in NewKey
	enc := base64.RawURLEncoding
	return Fingerprint(strings.Join([]string{
		fingerprintVersion, enc.EncodeToString(salt), enc.EncodeToString(k.fingerprint(s, salt, v)),
	}, "."))
}

// Matches reports whether f is a fingerprint of v for s under k. A malformed
// fingerprint matches nothing. It takes the same time wherever they differ.
func (k Key) Matches(f Fingerprint, s Subject, v Value) bool {
	salt, mac, ok := f.parts()
	return ok && hmac.Equal(mac, k.fingerprint(s, salt, v))
}

// Valid reports whether f has the form of a fingerprint.
func (f Fingerprint) Valid() bool {
	_, _, ok := f.parts()
	return ok
}

func (f Fingerprint) parts() (salt, mac []byte, ok bool) {
	p := strings.Split(string(f), ".")
	if len(p) != 3 || p[0] != fingerprintVersion {
		return nil, nil, false
	}
	salt, err1 := base64.RawURLEncoding.DecodeString(p[1])
	mac, err2 := base64.RawURLEncoding.DecodeString(p[2])
	ok = err1 == nil && err2 == nil && len(salt) == saltSize && len(mac) == sha256.Size
	return salt, mac, ok
}

func (k Key) fingerprint(s Subject, salt []byte, v Value) []byte {
	return k.MAC("secretsync/fingerprint/"+fingerprintVersion,
		[]byte(s.AccountID), []byte(s.Store), []byte(s.Secret), salt, v.Reveal())
}

// Digest is a keyed digest of v for s, which identifies the value in a plan: it is equal
// on every machine that has the key. Its salt is the fingerprint that v would replace, so
// that plans of different days do not reveal that a value went back to an earlier one.
func (k Key) Digest(s Subject, replaces Fingerprint, v Value) string {
	return hex.EncodeToString(k.MAC("secretsync/plan-digest/v1",
		[]byte(s.AccountID), []byte(s.Store), []byte(s.Secret), []byte(replaces), v.Reveal()))
}

// MAC is HMAC-SHA256 over the domain and the fields, each preceded by its
// length, so that no two lists of fields read alike.
func (k Key) MAC(domain string, fields ...[]byte) []byte {
	h := hmac.New(sha256.New, k.value.Reveal())
	put := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	put([]byte(domain))
	for _, f := range fields {
		put(f)
	}
	return h.Sum(nil)
}
