package emulator

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"time"

	"github.com/secretsync/secretsync/internal/emulator/internal/deployed"
	"github.com/secretsync/secretsync/internal/emulator/internal/state"
)

// upload is the metadata of a Worker that is deployed, as far as it is about secrets
// (docs/cloudflare-api.md §14).
type upload struct {
	Bindings []deployed.Binding `json:"bindings"`
}

// deployWorker accepts a Worker that may bind its secrets, and keeps only its bindings.
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
		if err := c.bind(now, b.Name, b.StoreID, b.SecretName); err != nil {
			return nil, err
		}
	}
	c.account.Deployed.Put(deployed.Worker{
		Namespace: c.PathValue("namespace"), Name: c.PathValue("script"), ETag: state.NewID(), Modified: now, Bindings: worker.Bindings,
	})
	return viewScript(*c.account.Deployed.Find(c.PathValue("namespace"), c.PathValue("script"))), nil
}

// bind checks whether a Worker may bind a secret: it has to exist, and the token and the
// secret's scopes have to allow it (docs/cloudflare-api.md §8, §13). With DeployMoves, it moves
// the secret's modification time.
func (c *call) bind(now time.Time, binding, storeID, name string) error {
	bound, secrets := c.account.Secret(storeID, name)
	switch {
	case bound == nil:
		return errBindingNotFound.with("Secrets Store binding '%s' references store '%s' and secret '%s' which were not found",
			binding, storeID, name)
	case !c.permits(c.Request, SecretsStoreWrite), !slices.Contains(bound.Scopes, "workers"):
		return errBindingForbidden
	}
	if c.opts.DeployMoves {
		moved := *bound
		moved.Modified = now
		secrets.Replace(moved)
	}
	return nil
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
