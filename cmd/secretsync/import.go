package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/spf13/cobra"
)

func (a *app) importCommand() *cobra.Command {
	var lockOnly, autoApprove bool
	var out, sops string
	cmd := &cobra.Command{
		Use:   "import {-o FILE | --lock-only}",
		Short: "Describe secrets that exist in a manifest, or rebuild a lost lockfile",
		Long: "import -o FILE writes a manifest of the secrets that exist in Cloudflare: of all, or, where there is a manifest already,\n" +
			"of those in its stores that it does not describe, for its include. They are external at first: nothing is written to them. With\n" +
			"--sops they are taken over as they are, with their values in that file, which is yours to write: nobody can read one back.\n\n" +
			"import --lock-only writes a lockfile where there is none, one that cannot be used being moved away first: what the manifest\n" +
			"wants and Cloudflare has is recorded, as under adopt: keep.\n\n" +
			"Neither changes anything in Cloudflare; a token with the permission \"Secrets Store Read\" is enough.\n\n" +
			"Nobody can read a value back. So under adopt: keep the values in Cloudflare are taken to be the manifest's, and no later\n" +
			"plan will find out if one is not. Where that is not certain, use adopt: overwrite instead: it puts every value again.\n\n" + exitCodesHelp,
		Example: "  secretsync import -o secretsync.yaml\n  secretsync import -o found.yaml --sops secrets/prod.enc.yaml\n  secretsync import --lock-only",
		Args:    a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case lockOnly == (out != ""):
				return errors.New("import wants one of -o FILE, for a manifest, and --lock-only, for a lockfile")
			case len(a.flags.targets) > 0:
				return errors.New("import takes no --target")
			case lockOnly && sops != "":
				return errors.New("--sops belongs to -o")
			case lockOnly:
				return a.importLock(cmd.Context(), approval{auto: autoApprove, word: "yes"})
			}
			return a.importManifest(cmd.Context(), out, sops)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "write a manifest of what exists to this new file, in YAML")
	cmd.Flags().StringVar(&sops, "sops", "", "with -o: take the secrets over, with their values in this SOPS file")
	cmd.Flags().BoolVar(&lockOnly, "lock-only", false, "write the lockfile, and nothing to Cloudflare")
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "with --lock-only: do not ask")
	return cmd
}

func (a *app) importLock(ctx context.Context, ask approval) error {
	a.flags.values = true
	return a.underLock(ctx, func(s *session, handle *lockfile.Handle) error {
		lock := handle.File()
		if len(lock.Stores) > 0 {
			return hint(fmt.Errorf("%s is there and has records: import --lock-only rebuilds a lost lockfile, and replaces none", s.lockPath),
				"move it away first, or name another with --lockfile")
		}
		w, err := s.prepare(ctx, lock)
		if err != nil {
			return err
		}
		defer w.wipe()
		in := planner.Input{Desired: w.desired}
		if err := w.observe(ctx, &in); err != nil {
			return err // half a lockfile is worse than none: it has records, and cannot be imported again
		}
		im := newImporting(w, in)
		if err := im.show(); err != nil || len(im.found) == 0 {
			return err
		}
		if err := w.approve(ctx, 1, ask); err != nil {
			return err
		}
		if err := w.ensureKey(ctx); err != nil {
			return err
		}
		if err := im.record(handle); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.std.out, "\nWrote %s. Next: run plan, and commit it.\n", render.Safe(w.lockPath))
		return err
	})
}

// importing is what a rebuilt lockfile is made from.
type importing struct {
	*workspace
	found   []liveRef           // desired and live
	missing []planner.SecretKey // desired, not live
	others  []planner.SecretKey // live under a desired prefix, not desired
}

type liveRef struct {
	planner.SecretKey
	storeID planner.StoreID
	live    planner.LiveSecret
}

func newImporting(w *workspace, in planner.Input) *importing {
	im := &importing{workspace: w}
	desired := map[planner.SecretKey]planner.DesiredSecret{}
	prefixes := map[planner.StoreKey][]string{}
	for _, d := range in.Desired {
		prefixes[d.Key] = append(prefixes[d.Key], d.Prefix)
		for _, sec := range d.Secrets {
			desired[d.Key.Secret(sec.Name)] = sec
		}
	}
	live := map[planner.SecretKey]bool{}
	for _, st := range in.Live {
		for _, l := range st.Secrets {
			ref := st.Key.Secret(l.Name)
			live[ref] = true
			within := func(prefix string) bool { return strings.HasPrefix(l.Name, prefix) }
			switch sec, wanted := desired[ref]; {
			case wanted && !sec.External:
				im.found = append(im.found, liveRef{ref, st.ID, l})
			case !wanted && slices.ContainsFunc(prefixes[st.Key], within):
				im.others = append(im.others, ref)
			}
		}
	}
	for _, d := range in.Desired {
		for _, sec := range d.Secrets {
			if ref := d.Key.Secret(sec.Name); !live[ref] && !sec.External {
				im.missing = append(im.missing, ref)
			}
		}
	}
	return im
}

// show tells what would be recorded and what not.
func (im *importing) show() error {
	out := &lines{w: im.std.out}
	for _, f := range im.found {
		out.add("record", "%s/%s  %s", render.Safe(f.Store.Name), render.Safe(f.Name), render.Safe(im.wanted[f.SecretKey].source))
	}
	for _, ref := range im.missing {
		out.add("missing", "%s/%s  not in Cloudflare: the next apply creates it", render.Safe(ref.Store.Name), render.Safe(ref.Name))
	}
	for _, ref := range im.others {
		out.add("unmanaged", "%s/%s  not in the manifest: not recorded", render.Safe(ref.Store.Name), render.Safe(ref.Name))
	}
	switch {
	case out.err != nil:
	case len(im.found) == 0:
		_, out.err = fmt.Fprintln(im.std.out, "Nothing to record: no secret of the manifest is in Cloudflare.")
	default:
		_, out.err = fmt.Fprintf(im.std.out, "\nTo record: %d, missing: %d, unmanaged: %d. Nothing is written to Cloudflare.\n",
			len(im.found), len(im.missing), len(im.others))
		im.say("warning: the values in Cloudflare are taken to be the manifest's, and nobody can check that they are: no later plan will tell")
		im.say("warning: where that is not certain, run apply --adopt=overwrite instead: it puts every value again")
	}
	return out.err
}

// record writes the lockfile, as an apply that adopts and keeps does.
func (im *importing) record(handle *lockfile.Handle) error {
	j := &journal{workspace: im.workspace, handle: handle, now: im.clock.Now}
	return j.update(func(f *lockfile.File) {
		for _, found := range im.found {
			l, w := found.live, im.wanted[found.SecretKey]
			sec := lockfile.Secret{
				ID: lockfile.SecretID(l.ID), Scopes: l.Scopes, Comment: l.Comment, Modified: string(l.Modified),
				Applied: j.now(), Source: w.source, Delete: w.delete,
			}
			if w.value.IsSet() {
				sec.Ciphertext, sec.Fingerprint = w.ciphertext.Digest, im.key.Fingerprint(subjectOf(found.SecretKey), w.value)
			}
			st := f.PutStore(lockStore(found.Store), lockfile.StoreID(found.storeID))
			st.Delete = j.storePolicy(found.Store)
			st.PutSecret(l.Name, sec)
		}
	})
}
