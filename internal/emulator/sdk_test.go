package emulator_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/cloudflare-go/v4/accounts"
	"github.com/cloudflare/cloudflare-go/v4/option"
	"github.com/cloudflare/cloudflare-go/v4/secrets_store"
	"github.com/cloudflare/cloudflare-go/v4/workers"
	"github.com/cloudflare/cloudflare-go/v4/workers_for_platforms"
	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/emulator"
)

// set fills in a field of the SDK's parameters. The SDK's own helper is in the root package,
// which takes minutes to build, and the field's type is internal.
func set(field, value any) {
	f := reflect.ValueOf(field).Elem()
	f.FieldByName("Value").Set(reflect.ValueOf(value))
	f.FieldByName("Present").SetBool(true)
}

type sdk struct {
	*testing.T
	*emulator.Embedded
	stores *secrets_store.StoreService
	quotas *secrets_store.QuotaService
}

func newSDK(t *testing.T, opts emulator.Options) *sdk {
	t.Helper()
	e, err := emulator.Embed(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	options := []option.RequestOption{
		option.WithBaseURL(e.BaseURL() + "/"), option.WithAPIToken("any"), option.WithMaxRetries(0),
	}
	return &sdk{t, e, secrets_store.NewStoreService(options...), secrets_store.NewQuotaService(options...)}
}

// makeStore has to replace the SDK's body, an array (docs/cloudflare-api.md §10.1).
func (s *sdk) makeStore(name string) string {
	s.Helper()
	var p secrets_store.StoreNewParams
	set(&p.AccountID, account)
	var answer struct{ Result struct{ ID string } }
	_, err := s.stores.New(s.Context(), p,
		option.WithRequestBody("application/json", []byte(`{"name":"`+name+`"}`)), option.WithResponseBodyInto(&answer))
	if err != nil {
		s.Fatal(err)
	}
	return answer.Result.ID
}

func (s *sdk) create(storeID string, names ...string) ([]secrets_store.StoreSecretNewResponse, error) {
	var p secrets_store.StoreSecretNewParams
	set(&p.AccountID, account)
	for _, name := range names {
		var body secrets_store.StoreSecretNewParamsBody
		set(&body.Name, name)
		set(&body.Value, "value of "+name)
		set(&body.Scopes, []string{"workers", "ai_gateway"})
		p.Body = append(p.Body, body)
	}
	page, err := s.stores.Secrets.New(s.Context(), storeID, p)
	if err != nil {
		return nil, err
	}
	return page.Result, nil
}

func TestSDKSecrets(t *testing.T) {
	s := newSDK(t, emulator.Options{})
	id := s.makeStore("prod")
	var inStores secrets_store.StoreListParams
	set(&inStores.AccountID, account)
	stores, err := s.stores.List(t.Context(), inStores)
	if err != nil || len(stores.Result) != 1 || stores.Result[0].ID != id || stores.Result[0].Name != "prod" || stores.Result[0].Created.IsZero() {
		t.Fatalf("stores %+v, error %v", stores, err)
	}
	created, err := s.create(id, "one", "two")
	if err != nil || len(created) != 2 || created[0].Name != "one" || created[1].Status != secrets_store.StoreSecretNewResponseStatusPending ||
		!s.HasValue(account, "prod", "two", []byte("value of two")) {
		t.Fatalf("created %+v, error %v", created, err)
	}

	var edit secrets_store.StoreSecretEditParams
	set(&edit.AccountID, account)
	set(&edit.Value, "new")
	edited, err := s.stores.Secrets.Edit(t.Context(), id, created[0].ID, edit, option.WithJSONSet("comment", "edited"))
	if err != nil || edited.Comment != "edited" || !edited.Modified.After(created[0].Modified) || !s.HasValue(account, "prod", "one", []byte("new")) {
		t.Errorf("edited %+v, error %v", edited, err)
	}

	var one secrets_store.StoreSecretGetParams
	set(&one.AccountID, account)
	got, err := s.stores.Secrets.Get(t.Context(), id, created[0].ID, one)
	if err != nil || got.StoreID != id || got.Status != secrets_store.StoreSecretGetResponseStatusActive ||
		got.JSON.ExtraFields["scopes"].Raw() != `["ai_gateway","workers"]` {
		t.Errorf("got %+v, error %v", got, err)
	}

	var quota secrets_store.QuotaGetParams
	set(&quota.AccountID, account)
	if q, err := s.quotas.Get(t.Context(), quota); err != nil || q.Secrets.Quota != 100 || q.Secrets.Usage != 2 {
		t.Errorf("quota %+v, error %v", q, err)
	}

	var remove secrets_store.StoreSecretDeleteParams
	set(&remove.AccountID, account)
	if _, err := s.stores.Secrets.Delete(t.Context(), id, created[0].ID, remove); err != nil {
		t.Error(err)
	}
	// The SDK sends no body (docs/cloudflare-api.md §10.4).
	var bulk secrets_store.StoreSecretBulkDeleteParams
	set(&bulk.AccountID, account)
	deleted, err := s.stores.Secrets.BulkDelete(t.Context(), id, bulk,
		option.WithRequestBody("application/json", []byte(`[{"id":"`+created[1].ID+`"}]`)))
	if err != nil || len(deleted.Result) != 1 || deleted.Result[0].Name != "two" {
		t.Errorf("deleted %+v, error %v", deleted, err)
	}
	var removeStore secrets_store.StoreDeleteParams
	set(&removeStore.AccountID, account)
	if _, err := s.stores.Delete(t.Context(), id, removeStore); err != nil {
		t.Error(err)
	}
}

func TestSDKDuplicate(t *testing.T) {
	s := newSDK(t, emulator.Options{})
	id := s.makeStore("prod")
	created, err := s.create(id, "one")
	if err != nil {
		t.Fatal(err)
	}
	var p secrets_store.StoreSecretDuplicateParams
	set(&p.AccountID, account)
	set(&p.Name, "copy")
	// As with Cloudflare, the SDK's body is not enough (docs/cloudflare-api.md §10.8).
	if _, err := s.stores.Secrets.Duplicate(t.Context(), id, created[0].ID, p); err == nil || !strings.Contains(err.Error(), "secret_scopes_empty") {
		t.Errorf("error %v", err)
	}
	copied, err := s.stores.Secrets.Duplicate(t.Context(), id, created[0].ID, p, option.WithJSONSet("scopes", []string{"dex"}))
	if err != nil || copied.Name != "copy" || !s.HasValue(account, "prod", "copy", []byte("value of one")) {
		t.Errorf("copied %+v, error %v", copied, err)
	}
}

func TestSDKPages(t *testing.T) {
	s := newSDK(t, emulator.Options{MaxSecrets: 250})
	id := s.makeStore("prod")
	var names []string
	for i := range 250 {
		names = append(names, fmt.Sprintf("s%03d", i))
	}
	if _, err := s.create(id, names...); err != nil {
		t.Fatal(err)
	}
	s.ResetRequests()
	var p secrets_store.StoreSecretListParams
	set(&p.AccountID, account)
	set(&p.PerPage, int64(100))
	set(&p.Direction, secrets_store.StoreSecretListParamsDirectionAsc)
	var found []string
	pager := s.stores.Secrets.ListAutoPaging(t.Context(), id, p)
	for pager.Next() {
		found = append(found, pager.Current().Name)
	}
	if diff := cmp.Diff(names, found); diff != "" || pager.Err() != nil {
		t.Errorf("error %v: %s", pager.Err(), diff)
	}
	if n := len(s.Requests()); n != 4 { // one more than necessary: docs/cloudflare-api.md §10.12
		t.Errorf("%d requests", n)
	}
}

func TestSDKErrors(t *testing.T) {
	s := newSDK(t, emulator.Options{})
	id := s.makeStore("prod")
	if _, err := s.create(id, "one", "a.b"); err == nil || !strings.Contains(err.Error(), "invalid_secret_name") {
		t.Errorf("error %v", err)
	}
	var p secrets_store.StoreNewParams
	set(&p.AccountID, strings.Repeat("1", 32))
	var body secrets_store.StoreNewParamsBody
	set(&body.Name, "prod")
	p.Body = append(p.Body, body)
	_, err := s.stores.New(t.Context(), p)
	// The type of the SDK's errors is internal to it.
	if err == nil || !strings.Contains(err.Error(), "invalid_json_body") {
		t.Errorf("the SDK's array created a store: %v", err)
	}
	var list secrets_store.StoreSecretListParams
	set(&list.AccountID, account)
	_, err = secrets_store.NewStoreService(option.WithBaseURL(s.BaseURL()+"/"), option.WithMaxRetries(0)).Secrets.List(t.Context(), id, list)
	var status interface{ DumpResponse(bool) []byte }
	if !errors.As(err, &status) || !strings.Contains(string(status.DumpResponse(false)), fmt.Sprint(http.StatusUnauthorized)) {
		t.Errorf("without a token: %v", err)
	}
}

// TestSDKReaders: Cloudflare's SDK reads what is deployed, and who changed what.
func TestSDKReaders(t *testing.T) {
	s := newSDK(t, emulator.Options{})
	id := s.makeStore("prod")
	if _, err := s.create(id, "key"); err != nil {
		t.Fatal(err)
	}
	metadata := `{"bindings":[{"type":"secrets_store_secret","name":"KEY","store_id":"` + id + `","secret_name":"key"}]}`
	if status, text := deploy(t, s.Server, "t", metadata); status != http.StatusOK {
		t.Fatal(text)
	}
	options := []option.RequestOption{option.WithBaseURL(s.BaseURL() + "/"), option.WithAPIToken("any"), option.WithMaxRetries(0)}
	service := workers.NewScriptService(options...)
	var list workers.ScriptListParams
	set(&list.AccountID, account)
	scripts, err := service.List(t.Context(), list)
	if err != nil || len(scripts.Result) != 1 || scripts.Result[0].ID != "shop" || scripts.Result[0].ModifiedOn.IsZero() || scripts.Result[0].Etag == "" {
		t.Fatalf("Workers: %v, %v", scripts, err)
	}
	var get workers.ScriptScriptAndVersionSettingGetParams
	set(&get.AccountID, account)
	settings, err := service.ScriptAndVersionSettings.Get(t.Context(), "shop", get)
	if err != nil || len(settings.Bindings) != 1 || settings.Bindings[0].StoreID != id || settings.Bindings[0].SecretName != "key" || settings.Bindings[0].Type != "secrets_store_secret" {
		t.Errorf("settings: %v, %v", settings, err)
	}
	c := &client{t, s.Server, account, "t"}
	c.send("POST", accountPath+"workers/dispatch/namespaces", `{"name":"customers"}`)
	var namespaces workers_for_platforms.DispatchNamespaceListParams
	set(&namespaces.AccountID, account)
	found, err := workers_for_platforms.NewDispatchNamespaceService(options...).List(t.Context(), namespaces)
	if err != nil || len(found.Result) != 1 || found.Result[0].NamespaceName != "customers" {
		t.Errorf("dispatch namespaces: %v, %v", found, err)
	}
	var audit accounts.LogAuditListParams
	set(&audit.AccountID, account)
	set(&audit.Since, time.Now().Add(-time.Hour))
	set(&audit.Before, time.Now().Add(24*time.Hour))
	log, err := accounts.NewLogAuditService(options...).List(t.Context(), audit)
	if err != nil || len(log.Result) != 4 {
		t.Fatalf("the audit log: %v, %v", log, err)
	}
	created := log.Result[2]
	if created.Raw.Method != http.MethodPost || !strings.HasSuffix(created.Raw.URI, "/stores/"+id+"/secrets") || created.Action.Result != "success" ||
		created.Action.Time.IsZero() || created.Actor.Context != accounts.LogAuditListResponseActorContextAPIToken || created.Actor.TokenName == "" {
		t.Errorf("the creation is logged as %+v", created)
	}
}
