package emulator

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"slices"

	"github.com/secretsync/secretsync/internal/emulator/internal/deployed"
)

// upload is the metadata of a Worker that is deployed, as far as it is about secrets
// (docs/cloudflare-api.md §14).
type upload struct {
	Bindings []deployed.Binding `json:"bindings"`
}

// deployWorker accepts a Worker that may bind its secrets, and keeps only its bindings. With
// DeployMoves, it moves the modification times of those secrets.
func deployWorker(c *call) (any, error) {
	worker, err := readUpload(c)
	if err != nil {
		return nil, err
	}
	now := c.tick()
	for _, b := range worker.Bindings {
		if b.Type != "secrets_store_secret" {
			continue
		}
		bound, secrets, err := c.bind(b.Name, b.StoreID, b.SecretName)
		if err != nil {
			return nil, err
		}
		if c.opts.DeployMoves {
			moved := *bound
			moved.Modified = now
			secrets.replace(moved)
		}
	}
	c.account.Deployed.Put(deployed.Worker{
		Namespace: c.PathValue("namespace"), Name: c.PathValue("script"), ETag: newID(), Modified: now, Bindings: worker.Bindings,
	})
	return viewScript(*c.account.Deployed.Find(c.PathValue("namespace"), c.PathValue("script"))), nil
}

// bind returns a secret that a Worker may bind, and the table that it is in. It has to
// exist, and the token and the secret's scopes have to allow binding it
// (docs/cloudflare-api.md §8, §13).
func (c *call) bind(binding, storeID, name string) (*record, *table, error) {
	i := slices.IndexFunc(c.account.Stores, func(s store) bool { return s.ID == storeID })
	var bound *record
	if i >= 0 {
		bound = c.account.Stores[i].Secrets.named(name)
	}
	switch {
	case bound == nil:
		return nil, nil, errBindingNotFound.with("Secrets Store binding '%s' references store '%s' and secret '%s' which were not found",
			binding, storeID, name)
	case !c.permits(c.Request, SecretsStoreWrite), !slices.Contains(bound.Scopes, "workers"):
		return nil, nil, errBindingForbidden
	}
	return bound, &c.account.Stores[i].Secrets, nil
}

// readUpload reads the part "metadata" of a multipart body.
func readUpload(c *call) (upload, error) {
	_, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return upload{}, errInvalidUpload
	}
	form := multipart.NewReader(c.Body, params["boundary"])
	for {
		part, err := form.NextPart()
		if err != nil {
			return upload{}, errInvalidUpload
		}
		if part.FormName() != "metadata" {
			continue
		}
		var worker upload
		data, err := io.ReadAll(part)
		if err != nil || json.Unmarshal(data, &worker) != nil {
			return upload{}, errInvalidUpload
		}
		return worker, nil
	}
}
