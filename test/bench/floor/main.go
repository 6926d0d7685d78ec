// Command floor sends the requests that any client has to send which keeps no records, and does
// nothing else: no manifest, no lockfile, no retries. The time that it takes is what the API costs.
//
//	floor create|no-op|change-1|change-50|delete-50
//
// Requests that do not depend on one another go side by side.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"golang.org/x/sync/errgroup"
)

const secrets = 50

func main() {
	c := &client{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: secrets}}}
	if err := c.run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

type client struct{ http *http.Client }

func (c *client) run(ctx context.Context, operation string) error {
	var stores []entry
	if err := c.send(ctx, http.MethodGet, "/stores?per_page=100", nil, &stores); err != nil {
		return err
	}
	if operation == "create" {
		return c.create(ctx)
	}
	path := "/stores/" + stores[0].ID + "/secrets"
	var found []entry
	if err := c.send(ctx, http.MethodGet, path+"?per_page=100", nil, &found); err != nil {
		return err
	}
	switch operation {
	case "no-op":
		return nil
	case "change-1":
		return c.each(ctx, http.MethodPatch, path, first(found), map[string]string{"value": "second-value"})
	case "change-50":
		return c.each(ctx, http.MethodPatch, path, found, map[string]string{"value": "third-value"})
	case "delete-50":
		return c.each(ctx, http.MethodDelete, path, found, nil)
	}
	return fmt.Errorf("unknown operation %q", operation)
}

// first is the secret that change-1 is about.
func first(found []entry) []entry {
	for _, s := range found {
		if s.Name == "secret-000000" {
			return []entry{s}
		}
	}
	return nil
}

type entry struct{ ID, Name string }

type newSecret struct {
	Name   string   `json:"name"`
	Value  string   `json:"value"`
	Scopes []string `json:"scopes"`
}

func (c *client) create(ctx context.Context) error {
	var store entry
	if err := c.send(ctx, http.MethodPost, "/stores", map[string]string{"name": "prod"}, &store); err != nil {
		return err
	}
	path := "/stores/" + store.ID + "/secrets"
	var all []newSecret
	for i := range secrets {
		all = append(all, newSecret{fmt.Sprintf("secret-%06d", i), "first-value", []string{"workers"}})
	}
	return c.send(ctx, http.MethodPost, path, all, nil)
}

// each sends one request for each secret, all of them side by side.
func (c *client) each(ctx context.Context, method, path string, found []entry, body any) error {
	var g errgroup.Group
	for _, s := range found {
		g.Go(func() error { return c.send(ctx, method, path+"/"+s.ID, body, nil) })
	}
	return g.Wait()
}

func (c *client) send(ctx context.Context, method, path string, body, result any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		data = nil
	}
	url := os.Getenv("CLOUDFLARE_API_BASE_URL") + "/accounts/" + os.Getenv("CLOUDFLARE_ACCOUNT_ID") + "/secrets_store" + path
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("CLOUDFLARE_API_TOKEN"))
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct{ Result any }{result}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return nil
}
