// Package wanted translates the manifest to the planner's types. The manifest and the planner do not
// import each other.
package wanted

import (
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// Store is a store of the manifest as the planner reads it, without its secrets.
func Store(st manifest.Store, key planner.StoreKey) planner.DesiredStore {
	return planner.DesiredStore{
		Key: key, Prefix: st.Prefix, Unmanaged: planner.UnmanagedPolicy(st.Unmanaged), Delete: st.Delete, Create: st.Create, Pos: st.Pos,
	}
}

// Secret is a secret of the manifest as the planner reads it, before its value is
// compared.
func Secret(sec manifest.Secret) planner.DesiredSecret {
	return planner.DesiredSecret{
		Name: sec.Name, Scopes: sec.Scopes, Comment: sec.Comment, Source: sec.Source.String(), Delete: sec.Delete,
		Adopt: planner.AdoptPolicy(sec.Adopt), RenamedFrom: sec.RenamedFrom, RotateAfter: sec.RotateAfter, External: sec.External,
		Overlap: sec.Overlap, Previous: sec.Previous,
		SourceDigest: sec.Source.Digest(), Generated: sec.Source.Kind == manifest.SourceGenerate, Pos: sec.Pos,
	}
}

// CheckDuplicates finds secrets of two stores of the manifest that are the same secret in
// Cloudflare.
func CheckDuplicates(stores []planner.DesiredStore) error {
	seen := map[planner.SecretKey]planner.Position{}
	var errs syntax.ErrorList
	defer func() { errs.Tag("secret", 0) }()
	for _, st := range stores {
		for _, sec := range st.Secrets {
			key := st.Key.Secret(sec.Name)
			if first, ok := seen[key]; ok {
				errs.Add(sec.Pos, "", "secret %q of store %q is described at %s already", sec.Name, st.Key.Name, first)
				continue
			}
			seen[key] = sec.Pos
		}
	}
	for _, st := range stores {
		for _, sec := range st.Secrets {
			if other, ok := seen[st.Key.Secret(sec.Previous)]; ok {
				errs.Add(sec.Pos, "", "secret %q of store %q keeps its previous value as %q, which is described at %s",
					sec.Name, st.Key.Name, sec.Previous, other)
			}
		}
	}
	return errs.Err()
}
