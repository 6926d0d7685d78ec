package manifest

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"
)

// DraftStore is a store for [Draft]: Label stands in the manifest, Name is the
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

// Draft writes a manifest in YAML of secrets that exist. With sops, the name of a SOPS
// file, each is taken over as it is and has its value there, under its own name;
// without, somebody else supplies them all, so that nothing is written to them.
func Draft(stores []DraftStore, sops string) ([]byte, error) {
	type source struct {
		SOPS string `yaml:"sops"`
		Key  string `yaml:"key"`
	}
	type secret struct {
		From     *source  `yaml:"from,omitempty,flow"`
		External bool     `yaml:"external,omitempty"`
		Scopes   []string `yaml:"scopes,omitempty,flow"`
		Comment  string   `yaml:"comment,omitempty"`
		Adopt    string   `yaml:"adopt,omitempty"`
	}
	type store struct {
		Name    string            `yaml:"name,omitempty"`
		Secrets map[string]secret `yaml:"secrets"`
	}
	doc := struct {
		Version int              `yaml:"version"`
		Stores  map[string]store `yaml:"stores"`
	}{1, map[string]store{}}
	for _, st := range stores {
		to := store{Name: st.Name, Secrets: map[string]secret{}}
		for _, sec := range st.Secrets {
			s := secret{Scopes: sec.Scopes, External: sops == "", Comment: strings.ReplaceAll(sec.Comment, "${", "$${")}
			if sops != "" {
				s.From, s.Adopt = &source{sops, sec.Label}, "keep" // a name has no dots
			}
			to.Secrets[sec.Label] = s
		}
		doc.Stores[st.Label] = to
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return out.Bytes(), enc.Close()
}
