// Command colleague is a part of the demo. It overwrites a secret's value with Cloudflare's
// own SDK, as a colleague would do in the dashboard.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/cloudflare/cloudflare-go/v4/option"
	"github.com/cloudflare/cloudflare-go/v4/secrets_store"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: colleague SECRET")
	}
	if err := overwrite(context.Background(), os.Args[1]); err != nil {
		log.Fatal("colleague: ", err)
	}
}

func overwrite(ctx context.Context, name string) error {
	service := secrets_store.NewStoreService(
		option.WithBaseURL(os.Getenv("CLOUDFLARE_API_BASE_URL")+"/"), option.WithAPIToken(os.Getenv("CLOUDFLARE_API_TOKEN")))
	var inStores secrets_store.StoreListParams
	account := &inStores.AccountID
	account.Value, account.Present = os.Getenv("CLOUDFLARE_ACCOUNT_ID"), true
	stores, err := service.List(ctx, inStores)
	if err != nil {
		return err
	}
	for _, store := range stores.Result {
		secrets, err := service.Secrets.List(ctx, store.ID, secrets_store.StoreSecretListParams{AccountID: *account})
		if err != nil {
			return err
		}
		for _, s := range secrets.Result {
			if s.Name == name {
				edit := secrets_store.StoreSecretEditParams{AccountID: *account, Value: *account}
				edit.Value.Value = "pasted at the dashboard"
				_, err := service.Secrets.Edit(ctx, store.ID, s.ID, edit)
				return err
			}
		}
	}
	return fmt.Errorf("no secret %q", name)
}
