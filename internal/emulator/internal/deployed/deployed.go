// Package deployed keeps what is deployed in an account and may read secrets: Workers, those in
// dispatch namespaces, AI Gateways, and the registries of containers (docs/cloudflare-api.md §14).
package deployed

import (
	"slices"
	"time"
)

// State is what is deployed. It is copied before it is changed.
type State struct {
	Workers    []Worker   `json:"workers,omitempty"`
	Namespaces []string   `json:"namespaces,omitempty"`
	Gateways   []Gateway  `json:"gateways,omitempty"`
	Registries []Registry `json:"registries,omitempty"`
}

// Clone returns a copy.
func (s State) Clone() State {
	gateways := slices.Clone(s.Gateways)
	for i := range gateways {
		gateways[i].Configs = slices.Clone(gateways[i].Configs)
	}
	return State{slices.Clone(s.Workers), slices.Clone(s.Namespaces), gateways, slices.Clone(s.Registries)}
}

// Worker is a deployed Worker. Namespace is empty for one in no dispatch namespace.
type Worker struct {
	Namespace string    `json:"namespace,omitempty"`
	Name      string    `json:"name"`
	ETag      string    `json:"etag"`
	Created   time.Time `json:"created"`
	Modified  time.Time `json:"modified"`
	Bindings  []Binding `json:"bindings,omitempty"`
}

// Binding is a Worker's binding, without the text that some types have.
type Binding struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	StoreID    string `json:"store_id,omitempty"`
	SecretName string `json:"secret_name,omitempty"`
}

// Find returns a Worker, or nil.
func (s *State) Find(namespace, name string) *Worker {
	i := slices.IndexFunc(s.Workers, func(w Worker) bool { return w.Namespace == namespace && w.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Workers[i]
}

// Put deploys a Worker, in the place of one of the same name.
func (s *State) Put(w Worker) {
	w.Created = w.Modified
	if before := s.Find(w.Namespace, w.Name); before != nil {
		w.Created = before.Created
		*before = w
		return
	}
	s.Workers = append(s.Workers, w)
}

// Delete deletes a Worker, and reports whether there was one.
func (s *State) Delete(namespace, name string) bool {
	before := len(s.Workers)
	s.Workers = slices.DeleteFunc(s.Workers, func(w Worker) bool { return w.Namespace == namespace && w.Name == name })
	return len(s.Workers) < before
}

// In returns the Workers of a dispatch namespace, or of none.
func (s *State) In(namespace string) []Worker {
	return slices.DeleteFunc(slices.Clone(s.Workers), func(w Worker) bool { return w.Namespace != namespace })
}

// Gateway is an AI Gateway, with the keys of the providers that it sends requests to.
type Gateway struct {
	ID      string   `json:"id"`
	StoreID string   `json:"store_id"`
	Configs []Config `json:"configs,omitempty"`
}

// Config is a provider's configuration: SecretID is the secret that is its key.
type Config struct {
	ID       string `json:"id"`
	Alias    string `json:"alias"`
	Provider string `json:"provider_slug"`
	SecretID string `json:"secret_id"`
	Gateway  string `json:"gateway_id"`
}

// Gateway returns a gateway, or nil.
func (s *State) Gateway(id string) *Gateway {
	i := slices.IndexFunc(s.Gateways, func(g Gateway) bool { return g.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Gateways[i]
}

// Registry is a registry that containers pull images from. PublicKey is the public part of its
// credentials, empty if it needs none; Credential refers to the secret that is the other part.
type Registry struct {
	Domain     string     `json:"domain"`
	Kind       string     `json:"kind,omitempty"`
	PublicKey  string     `json:"public_key,omitempty"`
	Credential *SecretRef `json:"private_credential,omitempty"`
	Created    string     `json:"created_at"`
}

// SecretRef names a secret of a store.
type SecretRef struct {
	StoreID    string `json:"store_id"`
	SecretName string `json:"secret_name"`
}

// Registry reports whether a registry is configured.
func (s *State) Registry(domain string) bool {
	return slices.ContainsFunc(s.Registries, func(g Registry) bool { return g.Domain == domain })
}
