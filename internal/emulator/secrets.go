package emulator

import (
	"slices"
	"strings"
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

func (st *store) view(r record, status string) secretView {
	return secretView{r.ID, st.ID, r.Name, r.Comment, r.Scopes, status, stamp(r.Created), stamp(r.Modified)}
}

// read returns a secret as a read shows it: it becomes active by itself.
func (c *call) read(st *store, r record) secretView {
	written := r.Created
	if c.opts.ActivationMoves && r.Written.After(written) {
		written = r.Written
	}
	activated := written.Add(c.opts.PendingFor)
	if c.opts.PendingFor > 0 && c.opts.Now().Before(activated) {
		return st.view(r, pending)
	}
	if c.opts.ActivationMoves && activated.After(r.Modified) {
		r.Modified = activated
	}
	return st.view(r, active)
}

// secret returns the store and the secret that the path names.
func (c *call) secret() (*store, int, error) {
	st, err := c.store()
	if err != nil {
		return nil, 0, err
	}
	i := st.indexID(c.PathValue("secret"))
	if i < 0 {
		return nil, 0, errSecretNotFound
	}
	return st, i, nil
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
	views := []secretView{}
	for _, r := range st.Secrets {
		v := c.read(st, r)
		lacks := func(scope string) bool { return !slices.Contains(v.Scopes, scope) }
		if strings.Contains(strings.ToLower(v.Name+"\n"+v.comment()), search) && !slices.ContainsFunc(scopes, lacks) {
			views = append(views, v)
		}
	}
	return paginate(c, views), nil
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

func (c *call) create(st *store, item newSecret) (secretView, error) {
	if err := item.check(); err != nil {
		return secretView{}, err
	}
	if item.Value == nil {
		return secretView{}, errInvalidBody
	}
	if err := checkValue(*item.Value); err != nil {
		return secretView{}, err
	}
	return c.add(st, item, newDigest(*item.Value))
}

// add appends a secret to the store if the account's state allows it.
func (c *call) add(st *store, item newSecret, value digest) (secretView, error) {
	if st.indexName(item.Name) >= 0 {
		taken := errNameTaken
		taken.status = c.opts.NameConflictStatus
		if c.opts.BareNameConflict {
			return secretView{}, taken
		}
		return secretView{}, taken.with("%s: %s", errNameTaken.Message, item.Name)
	}
	if c.account.secrets() >= c.opts.MaxSecrets {
		return secretView{}, errTooManySecrets.with("%s: max %d", errTooManySecrets.Message, c.opts.MaxSecrets)
	}
	now := c.tick()
	r := record{
		ID: newID(), Name: item.Name, Comment: item.Comment, Scopes: sorted(item.Scopes),
		Created: now, Modified: now, Value: value,
	}
	st.Secrets = append(st.Secrets, r)
	return st.view(r, pending), nil
}

func getSecret(c *call) (any, error) {
	st, i, err := c.secret()
	if err != nil {
		return nil, err
	}
	return c.read(st, st.Secrets[i]), nil
}

func patchSecret(c *call) (any, error) {
	st, i, err := c.secret()
	if err != nil {
		return nil, err
	}
	p, err := decode[patch](c.Body)
	if err != nil {
		return nil, err
	}
	r, now := &st.Secrets[i], c.tick()
	if p.Scopes != nil {
		if err := checkScopes(p.Scopes); err != nil {
			return nil, err
		}
		r.Scopes = sorted(p.Scopes)
	}
	if p.Value != nil {
		if err := checkValue(*p.Value); err != nil {
			return nil, err
		}
		r.Value, r.Written = newDigest(*p.Value), now
	}
	if p.Comment != nil {
		r.Comment = p.Comment
	}
	r.Modified = now
	return c.read(st, *r), nil
}

func duplicateSecret(c *call) (any, error) {
	st, i, err := c.secret()
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
	return c.add(st, item, st.Secrets[i].Value)
}

func deleteSecret(c *call) (any, error) {
	st, i, err := c.secret()
	if err != nil {
		return nil, err
	}
	st.Secrets = slices.Delete(st.Secrets, i, i+1)
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
		i := st.indexID(item.ID)
		switch {
		case item.ID == "":
			return nil, errInvalidBody
		case i < 0:
			return nil, errSecretNotFound
		}
		views = append(views, st.view(st.Secrets[i], deleted))
		st.Secrets = slices.Delete(st.Secrets, i, i+1)
	}
	return views, nil
}
