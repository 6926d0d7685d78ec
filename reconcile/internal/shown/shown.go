// Package shown lists the text in what a report shows that others chose: the author of a pull
// request, or a colleague at the dashboard. The engine passes it to its guard as public.
package shown

import (
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// Manifest is the text in what a manifest names.
func Manifest(m *manifest.Manifest) []string {
	var text []string
	for _, st := range m.Stores {
		text = append(text, st.Label, st.Name, st.AccountID)
		for _, sec := range st.Secrets {
			text = append(text, sec.Label, sec.Name, sec.Previous, sec.RenamedFrom, sec.Source.String())
			text = append(text, sec.Scopes...)
			if sec.Comment != nil {
				text = append(text, *sec.Comment)
			}
		}
	}
	return text
}

// Lockfile is the text in what a lockfile records.
func Lockfile(f *lockfile.File) []string {
	text := []string{f.Key.ID}
	for k, st := range f.Stores {
		text = append(text, string(k.Account), string(st.ID), k.Name)
		for name, sec := range st.Secrets {
			text = append(text, name, string(sec.ID), sec.Comment, sec.Source)
			text = append(text, sec.Scopes...)
		}
	}
	return text
}

// Live is the text in what live stores contain.
func Live(stores []planner.LiveStore) []string {
	var text []string
	for _, st := range stores {
		text = append(text, st.Key.Name, string(st.ID))
		for _, sec := range st.Secrets {
			text = append(text, sec.Name, string(sec.ID), sec.Comment, sec.Status)
			text = append(text, sec.Scopes...)
		}
	}
	return text
}

// Plan is the text in what a plan would do.
func Plan(p *planner.Plan) []string {
	var text []string
	for _, a := range p.Actions {
		text = append(text, string(a.Store.Account), a.Store.Name, a.Secret, a.From, a.Source, a.Current.Comment)
		text = append(text, a.Current.Scopes...)
		if a.Scopes != nil {
			text = append(append(text, a.Scopes.Before...), a.Scopes.After...)
		}
		if a.Comment != nil {
			text = append(text, a.Comment.Before, a.Comment.After)
		}
	}
	return text
}
