package records

import (
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// Want is a desired secret with the parts that the planner does not need.
type Want struct {
	Value      secret.Value // unset without keys
	Source     string
	Ciphertext manifest.Ciphertext
	Delete     bool
	Generate   func() secret.Value // generates a new value; nil for other sources
}

// Subject is the account, store and name that a fingerprint is bound to.
func Subject(k planner.SecretKey) secret.Subject {
	return secret.Subject{AccountID: string(k.Store.Account), Store: k.Store.Name, Secret: k.Name}
}
