package emulator

import (
	"slices"

	"github.com/secretsync/secretsync/internal/emulator/internal/state"
)

// storeView is a store as the API shows it (docs/cloudflare-api.md §1.1).
type storeView struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Created   string `json:"created"`
	Modified  string `json:"modified"`
	AccountID string `json:"account_id"`
}

func (v storeView) field(order string) string {
	switch order {
	case "name":
		return v.Name
	case "modified":
		return v.Modified
	}
	return v.Created
}

func (c *call) viewStore(s *state.Store) storeView {
	return storeView{s.ID, s.Name, stamp(s.Created), stamp(s.Modified), c.PathValue("account")}
}

// store finds the store that the path names.
func (c *call) store() (*state.Store, error) {
	id := c.PathValue("store")
	i := slices.IndexFunc(c.account.Stores, func(s state.Store) bool { return s.ID == id })
	if i < 0 {
		return nil, errStoreNotFound
	}
	return &c.account.Stores[i], nil
}

func listStores(c *call) (any, error) {
	views := make([]storeView, len(c.account.Stores))
	for i := range views {
		views[i] = c.viewStore(&c.account.Stores[i])
	}
	return paginate(c, views), nil
}

// createStore counts the stores before it validates the body: that explains both reports in
// docs/cloudflare-api.md §6, "conflict in evidence".
func createStore(c *call) (any, error) {
	if len(c.account.Stores) >= c.opts.MaxStores {
		return nil, errTooManyStores
	}
	body, err := decode[newStore](c.Body)
	if err != nil {
		return nil, err
	}
	if body.Name == "" {
		return nil, errInvalidBody
	}
	if slices.ContainsFunc(c.account.Stores, func(s state.Store) bool { return s.Name == body.Name }) {
		return nil, errStoreNameTaken.with("%s: %s", errStoreNameTaken.Message, body.Name)
	}
	now := c.tick()
	created := state.Store{ID: state.NewID(), Name: body.Name, Created: now, Modified: now}
	c.account.Stores = append(c.account.Stores, created)
	return c.viewStore(&created), nil
}

func getStore(c *call) (any, error) {
	s, err := c.store()
	if err != nil {
		return nil, err
	}
	return c.viewStore(s), nil
}

func deleteStore(c *call) (any, error) {
	s, err := c.store()
	if err != nil {
		return nil, err
	}
	if s.Secrets.Len() > 0 && c.URL.Query().Get("force") != "true" {
		return nil, errStoreNotEmpty
	}
	id := s.ID
	c.account.Stores = slices.DeleteFunc(c.account.Stores, func(s state.Store) bool { return s.ID == id })
	return nil, nil
}

// usage is the result of GET quota.
type usage struct {
	Secrets struct {
		Quota int `json:"quota"`
		Usage int `json:"usage"`
	} `json:"secrets"`
}

func quota(c *call) (any, error) {
	var u usage
	u.Secrets.Quota, u.Secrets.Usage = c.opts.MaxSecrets, c.account.Secrets()
	return u, nil
}
