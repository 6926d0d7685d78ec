// Package outside says what others do with the secrets of an account: who changed them, from the
// account's audit log ([Attribute]), and who reads them, from what is deployed ([References]).
// Like the planner, whose input it prepares, it is pure and has no type for a value.
package outside

import "github.com/secretsync/secretsync/planner"

// Entry is a change that succeeded, from an account's audit log.
type Entry struct {
	Time planner.Modified
	// Actor is who made the change: an e-mail address, an API token's name, or an id.
	Actor string
	// Channel is how: as Cloudflare calls it, such as "dash" or "api_token".
	Channel string
	// Method is the request's method. Store and Secret come from its path; empty if it names none.
	Method string
	Store  planner.StoreID
	Secret planner.SecretID
	// Secrets are the secrets that its body or the answer names, by id or by name.
	Secrets []string
	// Value says whether a value was set.
	Value planner.ValueChange
}

// Reader is something deployed that reads secrets of an account.
type Reader struct {
	Kind planner.ReaderKind
	// Name is the name of the Worker or the gateway, or the domain of the container registry.
	// Namespace is the name of a Worker's dispatch namespace.
	Name, Namespace string
	// Modified and ETag change with each deployment of a Worker.
	Modified, ETag string
	Uses           []Use
}

// Use is how a reader refers to a secret.
type Use struct {
	// Binding is the name of a Worker's binding, or the provider of a gateway's configuration.
	Binding string
	Store   planner.StoreID
	// Secret is the secret's name. If it is empty, ID is the secret's id.
	Secret string
	ID     planner.SecretID
}
