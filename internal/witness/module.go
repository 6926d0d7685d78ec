package witness

import (
	"bytes"
	_ "embed"
)

//go:embed witness.js
var module []byte

// Module returns the source of the witness.
func Module() []byte { return bytes.Clone(module) }

// The bindings of the two keys, in base64. Those of the secrets are called secretBindings and a
// number.
const (
	KeyBinding     = "FINGERPRINT_KEY"
	SessionBinding = "SESSION_KEY"
	secretBindings = "SECRETSYNC_"
)

// compatibilityDate is after Secrets Store bindings came. The witness uses nothing that a later
// date changes.
const compatibilityDate = "2025-09-01"
