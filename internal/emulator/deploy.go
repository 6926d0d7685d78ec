package emulator

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"slices"
)

// upload is the metadata of a Worker that is deployed, as far as it is about secrets
// (docs/cloudflare-api.md §14).
type upload struct {
	Bindings []struct {
		Type       string `json:"type"`
		Name       string `json:"name"`
		StoreID    string `json:"store_id"`
		SecretName string `json:"secret_name"`
	} `json:"bindings"`
}

// script is a deployed Worker as the API shows it.
type script struct {
	ID       string `json:"id"`
	Modified string `json:"modified_on"`
}

// deployWorker accepts a Worker whose bound secrets exist, and keeps nothing of it. With
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
		i := slices.IndexFunc(c.account.Stores, func(s store) bool { return s.ID == b.StoreID })
		var bound *record
		if i >= 0 {
			bound = c.account.Stores[i].Secrets.named(b.SecretName)
		}
		if bound == nil {
			return nil, errBindingNotFound.with("Secrets Store binding '%s' references store '%s' and secret '%s' which were not found",
				b.Name, b.StoreID, b.SecretName)
		}
		if c.opts.DeployMoves {
			moved := *bound
			moved.Modified = now
			c.account.Stores[i].Secrets.replace(moved)
		}
	}
	return script{c.PathValue("script"), stamp(now)}, nil
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
