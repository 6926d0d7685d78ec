package cloudflare

import (
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/applier"
)

// storeBody is an object, where the SDK would send an array (docs/cloudflare-api.md §10.1).
func storeBody(name string) (*payload, error) {
	var w writer
	w.open('{')
	w.text("name", []byte(name))
	w.close('}')
	return w.payload()
}

// createBody is an array of secrets with their comments, which the SDK leaves out
// (docs/cloudflare-api.md §10.5).
func createBody(secrets []applier.NewSecret) (*payload, error) {
	var w writer
	w.open('[')
	for _, s := range secrets {
		w.subject = fmt.Sprintf("secret %q: ", s.Name)
		if !s.Value.IsSet() {
			w.fail(errors.New("it has no value"))
		}
		w.open('{')
		w.text("name", []byte(s.Name))
		w.text("value", s.Value.Reveal())
		w.texts("scopes", s.Scopes)
		w.optional("comment", s.Comment)
		w.close('}')
	}
	w.close(']')
	return w.payload()
}

// patchBody has only the fields that change (docs/cloudflare-api.md §1.4, §10.6).
func patchBody(p applier.Patch) (*payload, error) {
	if !p.Value.IsSet() && p.Scopes == nil && p.Comment == nil {
		return nil, errors.New("there is nothing to change")
	}
	var w writer
	w.open('{')
	if p.Value.IsSet() {
		w.text("value", p.Value.Reveal())
	}
	if p.Scopes != nil {
		w.texts("scopes", p.Scopes)
	}
	w.optional("comment", p.Comment)
	w.close('}')
	return w.payload()
}

// duplicateBody has the scopes that the API demands and the SDK leaves out
// (docs/cloudflare-api.md §10.8).
func duplicateBody(d applier.Duplicate) (*payload, error) {
	var w writer
	w.open('{')
	w.text("name", []byte(d.Name))
	w.texts("scopes", d.Scopes)
	w.optional("comment", d.Comment)
	w.close('}')
	return w.payload()
}
