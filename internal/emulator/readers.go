package emulator

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/emulator/internal/audit"
	"github.com/secretsync/secretsync/internal/emulator/internal/deployed"
	"github.com/secretsync/secretsync/internal/emulator/internal/state"
)

// The errors of these endpoints. All but the first are guesses.
var (
	errNoWorker     = apiError{http.StatusNotFound, 10007, "This Worker does not exist on your account."}
	errNoNamespace  = apiError{http.StatusNotFound, 100119, "dispatch namespace not found"}
	errNoGateway    = apiError{http.StatusNotFound, 7002, "gateway not found"}
	errInvalidQuery = apiError{http.StatusBadRequest, 1001, "since and before have to be times, and limit from 1 to 1000"}
)

// readerEndpoints returns the endpoints of docs/cloudflare-api.md §14 and §16: what may read secrets,
// and who changed them.
func readerEndpoints() map[string]endpoint {
	const namespace = "/workers/dispatch/namespaces/{namespace}"
	return map[string]endpoint{
		"GET /logs/audit":                                      auditLog,
		"GET /workers/scripts":                                 listWorkers,
		"GET /workers/scripts/{script}/settings":               workerSettings,
		"DELETE /workers/scripts/{script}":                     deleteWorker,
		"GET /workers/dispatch/namespaces":                     listNamespaces,
		"POST /workers/dispatch/namespaces":                    createNamespace,
		"GET " + namespace + "/scripts":                        inNamespace(listWorkers),
		"PUT " + namespace + "/scripts/{script}":               inNamespace(deployWorker),
		"GET " + namespace + "/scripts/{script}/bindings":      inNamespace(workerBindings),
		"DELETE " + namespace + "/scripts/{script}":            inNamespace(deleteWorker),
		"GET /ai-gateway/gateways":                             listGateways,
		"POST /ai-gateway/gateways":                            createGateway,
		"GET /ai-gateway/gateways/{gateway}/provider_configs":  listConfigs,
		"POST /ai-gateway/gateways/{gateway}/provider_configs": createConfig,
		"GET /containers/registries":                           listRegistries,
		"POST /containers/registries":                          createRegistry,
	}
}

// scriptView is a deployed Worker as the API shows it.
type scriptView struct {
	ID       string `json:"id"`
	Created  string `json:"created_on"`
	Modified string `json:"modified_on"`
	ETag     string `json:"etag"`
}

func viewScript(w deployed.Worker) scriptView {
	return scriptView{w.Name, stamp(w.Created), stamp(w.Modified), w.ETag}
}

// inNamespace limits an endpoint to a dispatch namespace that exists.
func inNamespace(e endpoint) endpoint {
	return func(c *call) (any, error) {
		if !slices.Contains(c.account.Deployed.Namespaces, c.PathValue("namespace")) {
			return nil, errNoNamespace
		}
		return e(c)
	}
}

// listWorkers lists all Workers in one page, as Cloudflare does.
func listWorkers(c *call) (any, error) {
	namespace := c.PathValue("namespace")
	views := []any{}
	for _, w := range c.account.Deployed.In(namespace) {
		v := viewScript(w)
		if namespace == "" {
			views = append(views, v)
			continue
		}
		views = append(views, map[string]any{
			"dispatch_namespace": namespace, "created_on": v.Created, "modified_on": v.Modified, "script": v,
		})
	}
	return views, nil
}

func (c *call) worker() (*deployed.Worker, error) {
	if w := c.account.Deployed.Find(c.PathValue("namespace"), c.PathValue("script")); w != nil {
		return w, nil
	}
	return nil, errNoWorker
}

func workerSettings(c *call) (any, error) {
	bindings, err := workerBindings(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"bindings": bindings}, nil
}

func workerBindings(c *call) (any, error) {
	w, err := c.worker()
	if err != nil {
		return nil, err
	}
	return append([]deployed.Binding{}, w.Bindings...), nil
}

func deleteWorker(c *call) (any, error) {
	if !c.account.Deployed.Delete(c.PathValue("namespace"), c.PathValue("script")) {
		return nil, errNoWorker
	}
	return nil, nil
}

func listNamespaces(c *call) (any, error) {
	views := []any{}
	for _, name := range c.account.Deployed.Namespaces {
		views = append(views, map[string]any{"namespace_name": name, "script_count": len(c.account.Deployed.In(name))})
	}
	return views, nil
}

func createNamespace(c *call) (any, error) {
	body, err := decode[newStore](c.Body) // which has a name, too
	if err != nil || !validName.MatchString(body.Name) || slices.Contains(c.account.Deployed.Namespaces, body.Name) {
		return nil, errInvalidBody
	}
	c.account.Deployed.Namespaces = append(c.account.Deployed.Namespaces, body.Name)
	return map[string]any{"namespace_name": body.Name}, nil
}

// gatewayView is an AI Gateway as the API shows it.
type gatewayView struct {
	ID      string  `json:"id"`
	StoreID *string `json:"store_id"` // null if there is none
}

func (v gatewayView) field(string) string { return v.ID }

func listGateways(c *call) (any, error) {
	views := make([]gatewayView, len(c.account.Deployed.Gateways))
	for i, g := range c.account.Deployed.Gateways {
		views[i].ID = g.ID
		if g.StoreID != "" {
			views[i].StoreID = &g.StoreID
		}
	}
	return paginate(c, views), nil
}

func createGateway(c *call) (any, error) {
	body, err := decode[secretID](c.Body) // which has an id, too
	if err != nil || !validName.MatchString(body.ID) || c.account.Deployed.Gateway(body.ID) != nil {
		return nil, errInvalidBody
	}
	g := deployed.Gateway{ID: body.ID}
	if len(c.account.Stores) > 0 {
		g.StoreID = c.account.Stores[0].ID
	}
	c.account.Deployed.Gateways = append(c.account.Deployed.Gateways, g)
	return map[string]any{"id": g.ID}, nil
}

// gateway returns the gateway that the path names.
func (c *call) gateway() (*deployed.Gateway, error) {
	if g := c.account.Deployed.Gateway(c.PathValue("gateway")); g != nil {
		return g, nil
	}
	return nil, errNoGateway
}

// configView is a provider's configuration as the API shows it.
type configView struct{ deployed.Config }

func (v configView) field(string) string { return v.ID }

func listConfigs(c *call) (any, error) {
	g, err := c.gateway()
	if err != nil {
		return nil, err
	}
	views := make([]configView, len(g.Configs))
	for i, config := range g.Configs {
		views[i] = configView{config}
	}
	return paginate(c, views), nil
}

// newConfig is the request body that configures a provider: with a key to be stored, or with the
// id of a secret that is there already (docs/cloudflare-api.md §13).
type newConfig struct {
	Alias    string `json:"alias"`
	Provider string `json:"provider_slug"`
	Secret   string `json:"secret"`
	SecretID string `json:"secret_id"`
}

func createConfig(c *call) (any, error) {
	g, err := c.gateway()
	if err != nil {
		return nil, err
	}
	body, err := decode[newConfig](c.Body)
	i := slices.IndexFunc(c.account.Stores, func(s state.Store) bool { return s.ID == g.StoreID })
	if err != nil || body.Provider == "" || (body.Secret == "") == (body.SecretID == "") || i < 0 {
		return nil, errInvalidBody
	}
	if body.Secret != "" {
		name := strings.Join([]string{g.ID, body.Provider, cmp.Or(body.Alias, "default")}, "_")
		created, err := c.create(&c.account.Stores[i], newSecret{Name: name, Value: &body.Secret, Scopes: []string{"ai_gateway"}})
		if err != nil {
			return nil, err
		}
		body.SecretID = created.ID
	}
	secret := c.account.Stores[i].Secrets.WithID(body.SecretID)
	switch {
	case secret == nil:
		return nil, errSecretNotFound
	case !slices.Contains(secret.Scopes, "ai_gateway"):
		return nil, errScopeInvalid
	}
	config := deployed.Config{ID: state.NewID(), Alias: body.Alias, Provider: body.Provider, SecretID: body.SecretID, Gateway: g.ID}
	g.Configs = append(g.Configs, config)
	return config, nil
}

// auditLog shows who changed what. The times have to be given (docs/cloudflare-api.md §16).
func auditLog(c *call) (any, error) {
	query, ok := audit.ParseQuery(c.URL.Query())
	if !ok {
		return nil, errInvalidQuery
	}
	page := c.account.Log.Find(query, c.opts.Now())
	return listing{page.Entries, map[string]any{"count": len(page.Entries), "cursor": page.Cursor}}, nil
}

// log adds the change that a call made to the account's audit log. before is the latest time that
// was issued before the call.
func (c *call) log(before time.Time) {
	changed := c.state.Last
	if changed.Equal(before) { // the change has no time of its own, such as a deletion
		changed = c.tick()
	}
	c.account.Log = c.account.Log.With(audit.Entry{
		ID: state.NewID(), Time: changed, Shown: c.opts.Now().Add(c.opts.AuditDelay), Actor: audit.ActorOf(c.Request, credential(c.Request)),
		Method: c.Method, URI: c.URL.RequestURI(), UserAgent: c.UserAgent(), Facts: c.facts,
	})
}
