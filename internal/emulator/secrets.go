package emulator

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/emulator/internal/audit"
	"github.com/secretsync/secretsync/internal/emulator/internal/state"
)

// The statuses of a secret (docs/cloudflare-api.md §1.2).
const (
	pending = "pending"
	active  = "active"
	deleted = "deleted"
)

// secretView is a secret as the API shows it (docs/cloudflare-api.md §1.2).
type secretView struct {
	ID       string   `json:"id"`
	StoreID  string   `json:"store_id"`
	Name     string   `json:"name"`
	Comment  *string  `json:"comment"`
	Scopes   []string `json:"scopes"`
	Status   string   `json:"status"`
	Created  string   `json:"created"`
	Modified string   `json:"modified"`
}

func (v secretView) comment() string {
	if v.Comment == nil {
		return ""
	}
	return *v.Comment
}

func (v secretView) field(order string) string {
	switch order {
	case "name":
		return v.Name
	case "comment":
		return v.comment()
	case "modified":
		return v.Modified
	case "status":
		return v.Status
	}
	return v.Created
}

func viewSecret(st *state.Store, r *state.Record, status string) secretView {
	return secretView{r.ID, st.ID, r.Name, r.Comment, r.Scopes, status, stamp(r.Created), stamp(r.Modified)}
}

// read returns a secret as a read shows it: it becomes active by itself.
func (c *call) read(st *state.Store, r *state.Record) secretView {
	written := r.Created
	if c.opts.ActivationMoves && r.Written.After(written) {
		written = r.Written
	}
	activated := written.Add(c.opts.PendingFor)
	if c.opts.PendingFor > 0 && c.opts.Now().Before(activated) {
		return viewSecret(st, r, pending)
	}
	v := viewSecret(st, r, active)
	if c.opts.ActivationMoves && activated.After(r.Modified) {
		v.Modified = stamp(activated)
	}
	return v
}

// secret returns the store and the secret that the path names.
func (c *call) secret() (*state.Store, *state.Record, error) {
	st, err := c.store()
	if err != nil {
		return nil, nil, err
	}
	r := st.Secrets.WithID(c.PathValue("secret"))
	if r == nil {
		return nil, nil, errSecretNotFound
	}
	return st, r, nil
}

func listSecrets(c *call) (any, error) {
	st, err := c.store()
	if err != nil {
		return nil, err
	}
	query := c.URL.Query()
	search := strings.ToLower(query.Get("search"))
	// Each parameter may name several scopes. That a secret needs all of them is a guess.
	scopes := strings.FieldsFunc(strings.Join(query["scopes"], ","), func(r rune) bool { return r == ',' })
	if c.asCreated() && search == "" && len(scopes) == 0 {
		return c.pageOf(st), nil
	}
	views := []secretView{}
	for r := range st.Secrets.All() {
		v := c.read(st, r)
		lacks := func(scope string) bool { return !slices.Contains(v.Scopes, scope) }
		if strings.Contains(strings.ToLower(v.Name+"\n"+v.comment()), search) && !slices.ContainsFunc(scopes, lacks) {
			views = append(views, v)
		}
	}
	return paginate(c, views), nil
}

// asCreated reports whether a list is in the order of creation, in which tables keep secrets.
func (c *call) asCreated() bool {
	switch c.URL.Query().Get("order") {
	case "name", "comment", "modified", "status":
		return false
	}
	return c.Context().Value(shortKey{}) == nil
}

// pageOf returns a page of all secrets of a store without a look at the other pages.
func (c *call) pageOf(st *state.Store) listing {
	total := st.Secrets.Len()
	info, first, end := c.page(total, total)
	views := make([]secretView, 0, end-first)
	for i := first; i < end; i++ {
		at := i
		if c.descending() {
			at = total - 1 - i
		}
		views = append(views, c.read(st, st.Secrets.At(at)))
	}
	return listing{views, info}
}

func createSecrets(c *call) (any, error) {
	st, err := c.store()
	if err != nil {
		return nil, err
	}
	items, err := decodeItems[newSecret](c.Body)
	if err != nil {
		return nil, err
	}
	views := []secretView{}
	for _, item := range items {
		v, err := c.create(st, item)
		if err != nil {
			c.keep = c.opts.PartialBulkCreate
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

func (c *call) create(st *state.Store, item newSecret) (secretView, error) {
	if err := item.check(); err != nil {
		return secretView{}, err
	}
	if item.Value == nil {
		return secretView{}, errInvalidBody
	}
	if err := checkValue(*item.Value); err != nil {
		return secretView{}, err
	}
	return c.add(st, item, state.NewDigest(*item.Value, c.opts.KeepValues))
}

// add appends a secret to the store if the account's state allows it.
func (c *call) add(st *state.Store, item newSecret, value state.Digest) (secretView, error) {
	if st.Secrets.Named(item.Name) != nil {
		taken := errNameTaken
		taken.status = c.opts.NameConflictStatus
		if c.opts.BareNameConflict {
			return secretView{}, taken
		}
		return secretView{}, taken.with("%s: %s", errNameTaken.Message, item.Name)
	}
	if c.account.Secrets() >= c.opts.MaxSecrets {
		return secretView{}, errTooManySecrets.with("%s: max %d", errTooManySecrets.Message, c.opts.MaxSecrets)
	}
	now := c.tick()
	r := state.Record{
		ID: state.NewID(), Name: item.Name, Comment: item.Comment, Scopes: sorted(item.Scopes),
		Created: now, Modified: now, Value: value,
	}
	st.Secrets.Add(r)
	c.facts.Secrets = append(c.facts.Secrets, audit.Named{ID: r.ID, Name: r.Name})
	return viewSecret(st, &r, pending), nil
}

func getSecret(c *call) (any, error) {
	st, r, err := c.secret()
	if err != nil {
		return nil, err
	}
	return c.read(st, r), nil
}

func patchSecret(c *call) (any, error) {
	st, r, err := c.secret()
	if err != nil {
		return nil, err
	}
	p, err := decode[patch](c.Body)
	if err != nil {
		return nil, err
	}
	changed, now := *r, c.tick()
	if p.Scopes != nil {
		if err := checkScopes(p.Scopes); err != nil {
			return nil, err
		}
		changed.Scopes = sorted(p.Scopes)
	}
	if p.Value != nil {
		if err := checkValue(*p.Value); err != nil {
			return nil, err
		}
		changed.Value, changed.Written = state.NewDigest(*p.Value, c.opts.KeepValues), now
	}
	if p.Comment != nil {
		changed.Comment = p.Comment
	}
	changed.Modified = now
	c.facts.ValueModified = new(p.Value != nil)
	st.Secrets.Replace(changed)
	return c.read(st, &changed), nil
}

func duplicateSecret(c *call) (any, error) {
	st, r, err := c.secret()
	if err != nil {
		return nil, err
	}
	item, err := decode[newSecret](c.Body)
	if err != nil {
		return nil, err
	}
	if err := item.check(); err != nil {
		return nil, err
	}
	c.facts.DuplicatedFrom = r.ID
	return c.add(st, item, r.Value)
}

func deleteSecret(c *call) (any, error) {
	st, r, err := c.secret()
	if err != nil {
		return nil, err
	}
	st.Secrets.Remove(r)
	return nil, nil
}

// deleteSecrets is the bulk delete. That it deletes all or nothing, and returns the secrets
// as they were, is a guess (docs/cloudflare-api.md §12).
func deleteSecrets(c *call) (any, error) {
	st, err := c.store()
	if err != nil {
		return nil, err
	}
	items, err := decodeItems[secretID](c.Body)
	if err != nil {
		return nil, err
	}
	views := []secretView{}
	for _, item := range items {
		r := st.Secrets.WithID(item.ID)
		switch {
		case item.ID == "":
			return nil, errInvalidBody
		case r == nil:
			return nil, errSecretNotFound
		}
		views = append(views, viewSecret(st, r, deleted))
		c.facts.Secrets = append(c.facts.Secrets, audit.Named{ID: r.ID, Name: r.Name})
		st.Secrets.Remove(r)
	}
	return views, nil
}
