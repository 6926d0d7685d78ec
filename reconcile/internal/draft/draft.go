// Package draft describes live secrets as drafts of manifests.
package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// Unmanaged describes the live secrets of an input, within the stores and prefixes of the manifest,
// that neither the manifest nor the lockfile has. desired are the stores of the manifest as the
// planner reads them, in the same order.
func Unmanaged(in planner.Input, desired []planner.DesiredStore, stores []manifest.Store) []manifest.DraftStore {
	var drafts []manifest.DraftStore
	for _, v := range planner.Join(in) {
		if v.Desired != nil || v.Recorded != nil || v.Within == nil {
			continue
		}
		within := func(st planner.DesiredStore) bool { return st.Key == v.Within.Key && st.Prefix == v.Within.Prefix }
		st := stores[slices.IndexFunc(desired, within)]
		label := strings.TrimPrefix(v.Key.Name, st.Prefix)
		if label == "" {
			continue
		}
		i := slices.IndexFunc(drafts, func(d manifest.DraftStore) bool { return d.Label == st.Label })
		if i < 0 {
			i, drafts = len(drafts), append(drafts, manifest.DraftStore{Label: st.Label})
		}
		drafts[i].Secrets = append(drafts[i].Secrets, draftSecret(label, *v.Live))
	}
	return drafts
}

// Account describes everything in an account. A store whose name cannot be a label gets one.
func Account(live []planner.LiveStore) []manifest.DraftStore {
	names := map[string]bool{}
	for _, st := range live {
		names[st.Key.Name] = true
	}
	var drafts []manifest.DraftStore
	for i, st := range live {
		draft := manifest.DraftStore{Label: st.Key.Name}
		if !manifest.IsName(draft.Label) {
			draft = manifest.DraftStore{Label: freeLabel(i+1, names), Name: st.Key.Name}
		}
		for _, sec := range st.Secrets {
			draft.Secrets = append(draft.Secrets, draftSecret(sec.Name, sec))
		}
		drafts = append(drafts, draft)
	}
	return drafts
}

// freeLabel returns a label for the nth store that is not the name of any store.
func freeLabel(n int, names map[string]bool) string {
	label := fmt.Sprintf("store-%d", n)
	for names[label] {
		label += "-"
	}
	return label
}

func draftSecret(label string, sec planner.LiveSecret) manifest.DraftSecret {
	return manifest.DraftSecret{Label: label, Scopes: sec.Scopes, Comment: sec.Comment}
}
