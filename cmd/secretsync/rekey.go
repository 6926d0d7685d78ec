package main

import (
	"context"
	"fmt"
	"os"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/spf13/cobra"
)

func (a *app) rekeyCommand() *cobra.Command {
	var newKeyEnv string
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Change the key that the lockfile's fingerprints are made with",
		Long: "rekey makes all fingerprints anew under another key. It sends nothing, and needs the old key and the values.\n\n" +
			"The new key is drawn at random, and sealed in the lockfile for the recipients of .sops.yaml where that has some, else put\n" +
			"into the key file. So rekey is also what to run after the recipients were changed. With --new-key-env it is the one in\n" +
			"that variable, for those who keep it in " + keyring.Variable + ".\n\n" +
			"A record stays comparable if the value at hand is the one that was last applied. Any other loses its fingerprint, and\n" +
			"is named: nothing is claimed of a value that nobody has shown. If the manifest wants it, the next plan puts its value\n" +
			"again; a generated one needs no fingerprint, and is not drawn again. Plans that were reviewed before no longer hold.",
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.rekey(cmd.Context(), newKeyEnv) },
	}
	cmd.Flags().StringVar(&newKeyEnv, "new-key-env", "", "take the new key, base64 of 32 bytes, from this variable")
	return cmd
}

func (a *app) rekey(ctx context.Context, newKeyEnv string) error {
	a.flags.values = true
	return a.underLock(ctx, func(s *session, handle *lockfile.Handle) error {
		lock := handle.File()
		if lock.Key.ID == "" {
			return hint(fmt.Errorf("%s has no fingerprint key to change", s.lockPath), "the first apply makes one")
		}
		if err := s.checkAPI(lock); err != nil {
			return err
		}
		s.flags.offline = true // no request is made: the lockfile's account will do
		w, err := s.prepare(ctx, lock)
		if err != nil {
			return err
		}
		defer w.wipe()
		r := &rekeying{workspace: w, handle: handle, values: w.recordedValues()}
		if err := r.run(ctx, newKeyEnv); err != nil {
			return err
		}
		return r.report(ctx)
	})
}

// rekeying is a change of key, and what became of the records.
type rekeying struct {
	*workspace
	handle *lockfile.Handle
	values map[planner.SecretKey]secret.Value
	key    lockfile.Key // the new one, once saved
	kept   int
	lost   []lostFingerprint
}

type lostFingerprint struct {
	ref planner.SecretKey
	why string
}

func (r *rekeying) run(ctx context.Context, newKeyEnv string) error {
	if newKeyEnv == "" {
		return r.ring().Replace(ctx, r.workspace.key, r.save)
	}
	key, err := r.ring().FromEnv(newKeyEnv)
	if err != nil {
		return err
	}
	if key.ID() == r.lock.Key.ID {
		return fmt.Errorf("%s holds the key that %s has already", newKeyEnv, r.lockPath)
	}
	return r.save(key, nil)
}

// save writes the lockfile, with all fingerprints under the new key.
func (r *rekeying) save(key secret.Key, sealed []byte) error {
	r.filter.Know(key.Export())
	r.key = lockfile.Key{ID: key.ID(), Sealed: sealed}
	return r.handle.Update(func(f *lockfile.File) {
		f.Key = r.key
		for k, st := range f.All() {
			for name, sec := range st.All() {
				if sec.Fingerprint != "" {
					sec.Fingerprint = r.anew(key, recordedKey(k).Secret(name), sec.Fingerprint)
				}
			}
		}
	})
}

// anew returns no fingerprint where the old one is not of the value at hand.
func (r *rekeying) anew(key secret.Key, ref planner.SecretKey, old secret.Fingerprint) secret.Fingerprint {
	value, wanted := r.values[ref]
	why := "its value is not the one that was applied: the next plan puts it"
	switch {
	case value.IsSet() && r.workspace.key.Matches(old, subjectOf(ref), value):
		r.kept++
		return key.Fingerprint(subjectOf(ref), value)
	case !wanted:
		why = "the manifest supplies no value for it"
	case r.forged[ref]:
		why = "its fingerprint was made by no apply under the old key: the next plan puts its value"
	case r.wanted[ref].generate != nil:
		why = "generated: nobody knows its value, and it needs no fingerprint"
	}
	r.lost = append(r.lost, lostFingerprint{ref, why})
	return ""
}

// recordedValues are the values that the manifest wants, under the names that the
// lockfile may have them by: a secret that is still to be renamed has its old one.
func (w *workspace) recordedValues() map[planner.SecretKey]secret.Value {
	values := map[planner.SecretKey]secret.Value{}
	for _, d := range w.desired {
		for _, sec := range d.Secrets {
			ref := d.Key.Secret(sec.Name)
			if sec.External {
				continue
			}
			values[ref] = w.wanted[ref].value
			if old := d.Key.Secret(sec.RenamedFrom); sec.RenamedFrom != "" && w.record(ref) == nil {
				values[old] = w.wanted[ref].value
			}
		}
	}
	return values
}

func (r *rekeying) report(ctx context.Context) error {
	out := r.std.out
	_, err := fmt.Fprintf(out, "%s is under the fingerprint key %s now. Fingerprints made anew: %d.\n", render.Safe(r.lockPath), r.key.ID, r.kept)
	if len(r.lost) > 0 {
		fmt.Fprintln(out, "Without a fingerprint from now on:")
	}
	for _, l := range r.lost {
		fmt.Fprintf(out, "  %s/%s  %s\n", render.Safe(l.ref.Store.Name), render.Safe(l.ref.Name), l.why)
	}
	for _, next := range r.next(ctx) {
		_, err = fmt.Fprintf(out, "Next: %s.\n", render.Safe(next))
	}
	return err
}

// next is what is left to do, so that every run finds the new key.
func (r *rekeying) next(ctx context.Context) []string {
	todo, file := []string{"commit " + r.lockPath}, r.ring().KeyFile()
	now := r.ring().Status(ctx, r.key.ID, r.key.Sealed)
	_, noFile := os.Lstat(file)
	switch {
	case now.Err != nil:
		todo = append(todo, "make the new key known here, where it is not: "+now.Err.Error())
	case now.From == file:
		todo = append(todo, fmt.Sprintf("keep %s, and give its content to CI as %s", file, keyring.Variable))
	case noFile == nil:
		todo = append(todo, fmt.Sprintf("remove %s, which holds an older key", file))
	}
	if old, _ := r.env(keyring.Variable); old != "" {
		todo = append(todo, keyring.Variable+" goes before all other places: set it to the new key, or unset it where the key is sealed or in a file")
	}
	return todo
}
