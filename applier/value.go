package applier

import "github.com/secretsync/secretsync/internal/secret"

// Value is a secret's value. It cannot be printed, logged or marshalled; Reveal returns the
// bytes, which the caller must neither change nor keep.
type Value = secret.Value

// NewValue returns a value. It takes b over: the caller must not use it afterwards.
func NewValue(b []byte) Value { return secret.New(b) }
