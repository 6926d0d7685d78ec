// Package secret holds the two things that must never be seen: a secret's
// value ([Value]) and the key of its fingerprints ([Key]).
//
// Both keep their bytes inside a closure, where no formatting verb, marshaller,
// logger or reflection-based printer reaches them. The bytes come out through
// one method each, [Value.Reveal] being the only one that yields plaintext, so
// that a search for its name finds every place where plaintext is handled.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Redacted stands wherever a value would have been printed.
const Redacted = "[redacted]"

// errNoExport refuses encodings that would be useless, or harmful, redacted.
var errNoExport = errors.New("secret: a value cannot be encoded")

// Value is a secret's plaintext. The zero Value holds none.
//
// It cannot be compared with ==, printed, logged or marshalled: every such
// attempt fails to compile, fails, or yields [Redacted]. Copies share their
// bytes.
type Value struct {
	reveal func() []byte
}

// New returns a Value that takes b over. The caller must not use b afterwards.
func New(b []byte) Value {
	return Value{reveal: func() []byte { return b }}
}

// Reveal returns the plaintext itself, not a copy: the caller must neither
// change nor keep it. It returns nil for the zero Value.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return v.reveal()
}

// IsSet reports whether v holds a value, be it an empty one.
func (v Value) IsSet() bool { return v.reveal != nil }

// Wipe overwrites the plaintext, for every copy of v. Copies that the runtime,
// net/http or a library created are out of its reach.
func (v Value) Wipe() { clear(v.Reveal()) }

// Equal compares in time that depends on the lengths alone.
func (v Value) Equal(w Value) bool {
	return v.IsSet() == w.IsSet() && subtle.ConstantTimeCompare(v.Reveal(), w.Reveal()) == 1
}

// Format implements [fmt.Formatter] for every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String implements [fmt.Stringer].
func (Value) String() string { return Redacted }

// GoString implements [fmt.GoStringer].
func (Value) GoString() string { return Redacted }

// LogValue implements [slog.LogValuer].
func (Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalJSON implements json.Marshaler.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalText implements encoding.TextMarshaler, which TOML and XML use too.
func (Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalYAML implements yaml.Marshaler.
func (Value) MarshalYAML() (any, error) { return Redacted, nil }

// MarshalBinary refuses: no binary form of a value is ever wanted.
func (Value) MarshalBinary() ([]byte, error) { return nil, errNoExport }

// GobEncode refuses: no binary form of a value is ever wanted.
func (Value) GobEncode() ([]byte, error) { return nil, errNoExport }
