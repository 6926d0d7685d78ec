package preview

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// Worker is an uploaded Worker.
type Worker struct {
	Name    string
	Main    string // the name of the module that handles requests
	Date    string // the compatibility date
	Flags   []string
	Modules []Module // the main module first
	Texts   map[string]string
	Secrets []SecretBinding
}

// Module is a file of a Worker.
type Module struct {
	Name, Type string // the type is one of Miniflare's
	Content    []byte
}

// SecretBinding binds a Worker to a secret in a store.
type SecretBinding struct {
	Name, StoreID, SecretName string
}

// moduleTypes are Miniflare's types of modules, by the content types of an upload.
var moduleTypes = map[string]string{
	"application/javascript+module": "ESModule", "application/wasm": "CompiledWasm", "text/plain": "Text",
	"application/octet-stream": "Data",
}

// metadata is an upload's part of that name, as far as previews use it.
type metadata struct {
	MainModule string   `json:"main_module"`
	Date       string   `json:"compatibility_date"`
	Flags      []string `json:"compatibility_flags"`
	Bindings   []struct {
		Type       string `json:"type"`
		Name       string `json:"name"`
		Text       string `json:"text"`
		StoreID    string `json:"store_id"`
		SecretName string `json:"secret_name"`
	} `json:"bindings"`
}

// Read reads an upload. Its errors are about its form and quote no content but names.
func Read(name, contentType string, body io.Reader) (Worker, error) {
	w := Worker{Name: name, Texts: map[string]string{}}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return w, errors.New("the upload is not multipart/form-data")
	}
	form := multipart.NewReader(body, params["boundary"])
	session := false
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return w, errors.New("the upload is incomplete")
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return w, errors.New("the upload is incomplete")
		}
		switch {
		case part.FormName() == "metadata":
			if err := w.describe(data); err != nil {
				return w, err
			}
		case part.FormName() == "wrangler-session-config":
			session = workersDev(data)
		default:
			m := Module{Name: part.FileName(), Content: data}
			kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")) // none is not a module's
			if m.Type = moduleTypes[kind]; m.Type == "" || m.Name == "" {
				return w, fmt.Errorf("the part %q is not a module", part.FormName())
			}
			w.Modules = append(w.Modules, m)
		}
	}
	if !session {
		return w, errors.New("wrangler-session-config does not ask for workers_dev")
	}
	return w, w.mainFirst()
}

func (w *Worker) describe(data []byte) error {
	var m metadata
	if json.Unmarshal(data, &m) != nil {
		return errors.New("the metadata is not JSON of the expected form")
	}
	w.Main, w.Date, w.Flags = m.MainModule, m.Date, m.Flags
	names := map[string]bool{}
	for _, b := range m.Bindings {
		if names[b.Name] {
			return fmt.Errorf("two bindings are called %q", b.Name)
		}
		names[b.Name] = true
		switch b.Type {
		case "secrets_store_secret":
			w.Secrets = append(w.Secrets, SecretBinding{b.Name, b.StoreID, b.SecretName})
		case "secret_text", "plain_text":
			w.Texts[b.Name] = b.Text
		default:
			return fmt.Errorf("the emulator's previews have no bindings of type %q", b.Type)
		}
	}
	return nil
}

// workersDev reports whether a session is for a workers.dev address.
func workersDev(data []byte) bool {
	var config struct {
		WorkersDev bool `json:"workers_dev"`
	}
	return json.Unmarshal(data, &config) == nil && config.WorkersDev
}

// mainFirst moves the main module to the front, where Miniflare expects it.
func (w *Worker) mainFirst() error {
	if w.Main == "" {
		return errors.New("the metadata has no main_module")
	}
	for i, m := range w.Modules {
		if strings.TrimPrefix(m.Name, "./") == strings.TrimPrefix(w.Main, "./") {
			w.Modules[0], w.Modules[i] = w.Modules[i], w.Modules[0]
			return nil
		}
	}
	return fmt.Errorf("the main module %q was not uploaded", w.Main)
}
