package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// importManifest writes a manifest of what exists and no manifest describes.
func (a *app) importManifest(ctx context.Context, out, sops string) error {
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s is there: import overwrites nothing", out), err)
	}
	s, err := a.openManifest(ctx)
	first := errors.Is(err, manifest.ErrNone)
	if first {
		s, err = a.newSession(out)
	}
	if err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	defer s.close()
	var stores []manifest.DraftStore
	if first {
		stores, err = s.draftAccount(ctx)
	} else {
		stores, err = s.draftUnmanaged(ctx)
	}
	if err != nil {
		return err
	}
	found := 0
	for _, st := range stores {
		found += len(st.Secrets)
	}
	if found == 0 {
		_, err := fmt.Fprintln(a.std.out, "Nothing to import: there is no secret that the manifest does not describe.")
		return err
	}
	from := sops
	if sops != "" { // relative to the file that names it
		if from, err = filepath.Rel(filepath.Dir(out), sops); err != nil {
			return fmt.Errorf("--sops: %w", err)
		}
	}
	text, err := manifest.Draft(stores, filepath.ToSlash(from))
	if err != nil {
		return err
	}
	if err := a.writeNew(out, text); err != nil {
		return err
	}
	next := "run validate and plan"
	if !first {
		next = fmt.Sprintf("add %s to include in %s", out, s.manifest.File)
	}
	if sops != "" {
		next = fmt.Sprintf("put the values into %s, each under its name; then %s", sops, next)
	}
	_, err = fmt.Fprintf(a.std.out, "Secrets in it: %d. Next: %s.\n", found, render.Safe(next))
	return err
}

// draftAccount describes all that the account has.
func (s *session) draftAccount(ctx context.Context) ([]manifest.DraftStore, error) {
	account, err := s.accountID(manifest.Store{}, &lockfile.File{})
	if err != nil {
		return nil, err
	}
	client, err := s.client(account)
	if err != nil {
		return nil, err
	}
	live, err := client.ListStores(ctx)
	if err != nil {
		return nil, err
	}
	var stores []manifest.DraftStore
	for i, st := range live {
		if st.Secrets, err = client.ListSecrets(ctx, st.ID); err != nil {
			return nil, err
		}
		draft := manifest.DraftStore{Label: st.Key.Name}
		if !manifest.IsName(draft.Label) {
			draft = manifest.DraftStore{Label: fmt.Sprintf("store-%d", i+1), Name: st.Key.Name}
		}
		for _, sec := range st.Secrets {
			draft.Secrets = append(draft.Secrets, draftSecret(sec.Name, sec))
		}
		stores = append(stores, draft)
	}
	return stores, nil
}

func draftSecret(label string, sec planner.LiveSecret) manifest.DraftSecret {
	return manifest.DraftSecret{Label: label, Scopes: sec.Scopes, Comment: sec.Comment}
}

// draftUnmanaged describes the secrets of the manifest's stores, within their
// prefixes, that neither the manifest nor the lockfile knows.
func (s *session) draftUnmanaged(ctx context.Context) ([]manifest.DraftStore, error) {
	lock, err := lockfile.Read(s.lockPath)
	if err != nil {
		return nil, err
	}
	if err := s.checkAPI(lock); err != nil {
		return nil, err
	}
	in, unreachable, err := s.look(ctx, lock)
	if err = errors.Join(err, unreachable); err != nil {
		return nil, err
	}
	known := map[planner.SecretKey]bool{}
	for _, d := range in.Desired {
		for _, sec := range d.Secrets {
			known[d.Key.Secret(sec.Name)] = true
		}
	}
	for _, st := range in.Recorded {
		for _, sec := range st.Secrets {
			known[st.Key.Secret(sec.Name)] = true
		}
	}
	byLabel := map[string]manifest.DraftStore{}
	for i, st := range s.manifest.Stores {
		for _, live := range in.Live {
			for _, sec := range live.Secrets {
				ref := live.Key.Secret(sec.Name)
				label, within := strings.CutPrefix(sec.Name, st.Prefix)
				if live.Key != in.Desired[i].Key || known[ref] || !within || label == "" {
					continue
				}
				known[ref] = true
				draft := byLabel[st.Label]
				draft.Label = st.Label
				draft.Secrets = append(draft.Secrets, draftSecret(label, sec))
				byLabel[st.Label] = draft
			}
		}
	}
	return slices.Collect(maps.Values(byLabel)), nil
}
