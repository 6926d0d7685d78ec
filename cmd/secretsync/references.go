package main

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

// references are the bindings as the planner wants them, and the places of those that
// cannot be read: a warning, unless bindings are strict.
func (s *session) references(lock *lockfile.File) (refs []planner.Reference, unread []planner.Position, err error) {
	configs, _, mistakes := s.workerConfigs(lock)
	if len(mistakes) > 0 && s.options().StrictBindings {
		return nil, nil, syntax.ErrorList(mistakes)
	}
	for _, e := range mistakes {
		s.say("warning: its bindings are not looked at: %s", render.Safe(e.Error()))
		unread = append(unread, e.Pos)
	}
	seen := map[planner.Reference]bool{}
	for _, c := range configs {
		for _, env := range c.Environments {
			for _, b := range env.Bindings {
				ref := planner.Reference{
					StoreID: boundStore(lock, env, b), Secret: b.SecretName, Pos: b.Pos,
					Worker: cmp.Or(env.WorkerName, c.Name, c.File),
				}
				inherited := ref
				inherited.Worker = ""
				if !seen[inherited] { // one is enough of the environments that inherit it
					seen[inherited] = true
					refs = append(refs, ref)
				}
			}
		}
	}
	return refs, unread, nil
}

// storeIDForm is what the ids of stores look like; another text is a placeholder.
var storeIDForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

func isStoreID(id string) bool { return storeIDForm.MatchString(strings.ToLower(id)) }

// boundStore is the id of the store that a binding means. A placeholder stands for the
// only store that has the secret, of those that the Worker can read.
func boundStore(lock *lockfile.File, env wrangler.Environment, b wrangler.Binding) planner.StoreID {
	if isStoreID(b.StoreID) {
		return planner.StoreID(strings.ToLower(b.StoreID))
	}
	var only lockfile.StoreID
	for k, st := range lock.All() {
		switch {
		case string(st.ID) == b.StoreID:
			return planner.StoreID(b.StoreID)
		case st.Secret(b.SecretName) == nil || !reaches(env, planner.AccountID(k.Account)):
		case only != "":
			return planner.StoreID(b.StoreID)
		default:
			only = st.ID
		}
	}
	return planner.StoreID(cmp.Or(string(only), b.StoreID))
}
