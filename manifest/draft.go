package manifest

import (
	"bytes"
	"strings"

	"github.com/secretsync/secretsync/internal/visible"
	"gopkg.in/yaml.v3"
)

// DraftStore is a store for [Draft]: Label is its name in the manifest, Name is the
// store's in Cloudflare where that is another one.
type DraftStore struct {
	Label, Name string
	Secrets     []DraftSecret
}

// DraftSecret is a secret that exists. A Comment of "" is none.
type DraftSecret struct {
	Label, Comment string
	Scopes         []string
}

// IsName reports whether a text can be a secret's name, and a store's label.
func IsName(text string) bool { return nameForm.MatchString(text) }

// IsStoreName reports whether a text can be a store's name in Cloudflare, as a manifest and a
// lockfile have it: what such a name may hold is not documented, so any text that can be shown
// as it is.
func IsStoreName(text string) bool { return text != "" && visible.Text(text) == text }

// Draft writes a manifest in YAML of secrets that exist. With sops, the name of a SOPS
// file, each is taken over as it is and has its value there, under its own name;
// without, all are external, so that nothing is written to them.
func Draft(stores []DraftStore, sops string) ([]byte, error) {
	type source struct {
		SOPS foreign `yaml:"sops"`
		Key  foreign `yaml:"key"`
	}
	type secret struct {
		From     *source   `yaml:"from,omitempty,flow"`
		External bool      `yaml:"external,omitempty"`
		Scopes   []foreign `yaml:"scopes,omitempty,flow"`
		Comment  foreign   `yaml:"comment,omitempty"`
		Adopt    string    `yaml:"adopt,omitempty"`
	}
	type store struct {
		Name    foreign            `yaml:"name,omitempty"`
		Secrets map[foreign]secret `yaml:"secrets"`
	}
	doc := struct {
		Version int              `yaml:"version"`
		Stores  map[string]store `yaml:"stores"`
	}{1, map[string]store{}}
	for _, st := range stores {
		to := store{Name: foreign(strings.ReplaceAll(st.Name, "${", "$${")), Secrets: map[foreign]secret{}}
		for _, sec := range st.Secrets {
			s := secret{External: sops == "", Comment: foreign(strings.ReplaceAll(sec.Comment, "${", "$${"))}
			for _, scope := range sec.Scopes {
				s.Scopes = append(s.Scopes, foreign(scope))
			}
			if sops != "" {
				s.From, s.Adopt = &source{foreign(sops), foreign(sec.Label)}, "keep" // a name has no dots
			}
			to.Secrets[foreign(sec.Label)] = s
		}
		doc.Stores[st.Label] = to
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return visible.YAML(out.Bytes()), enc.Close()
}

// foreign is a text from Cloudflare. It is put in double quotes where it would hide
// something from the reviewer of the manifest, or command a CI runner that prints it, so
// that it can be escaped.
type foreign string

// MarshalYAML implements yaml.Marshaler.
func (f foreign) MarshalYAML() (any, error) {
	if visible.Text(string(f)) == string(f) {
		return string(f), nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(f), Style: yaml.DoubleQuotedStyle}, nil
}
