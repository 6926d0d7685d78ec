package edgepreview

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/textproto"

	"github.com/secretsync/secretsync/internal/witness"
)

// encode returns an upload in the API's form, and its media type. The caller wipes it: it holds
// the texts of the upload. encode leaves no other copy of them.
func encode(u witness.Upload) (body []byte, contentType string, err error) {
	size := len(u.Module) + 1024*(4+len(u.Secrets)+len(u.Texts))
	for _, t := range u.Texts {
		size += len(t.Text.Reveal())
	}
	buf := bytes.NewBuffer(make([]byte, 0, size))
	form := multipart.NewWriter(buf) // writes to buf at once, and buf never fails
	part := func(disposition, contentType string) {
		_, _ = form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {disposition}, "Content-Type": {contentType}})
	}
	part(`form-data; name="metadata"`, "application/json")
	if err := writeMetadata(buf, u); err != nil {
		clear(buf.Bytes())
		return nil, "", err
	}
	part(fmt.Sprintf("form-data; name=%q; filename=%q", u.File, u.File), "application/javascript+module")
	buf.Write(u.Module)
	part(`form-data; name="wrangler-session-config"`, "application/json")
	buf.WriteString(`{"workers_dev":true,"minimal_mode":true}`)
	_ = form.Close()
	return buf.Bytes(), form.FormDataContentType(), nil
}

// writeMetadata writes the description of the Worker. The texts are written as they are, because
// package json would keep copies of them.
func writeMetadata(buf *bytes.Buffer, u witness.Upload) error {
	fmt.Fprintf(buf, `{"main_module":%s,"compatibility_date":%s,"bindings":[`, quote(u.File), quote(u.CompatibilityDate))
	comma := ""
	for _, t := range u.Texts {
		text := t.Text.Reveal()
		if bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("the text of the binding %q has a character that needs an escape", t.Binding)
		}
		fmt.Fprintf(buf, `%s{"type":"secret_text","name":%s,"text":"`, comma, quote(t.Binding))
		buf.Write(text)
		buf.WriteString(`"}`)
		comma = ","
	}
	for _, s := range u.Secrets {
		fmt.Fprintf(buf, `%s{"type":"secrets_store_secret","name":%s,"store_id":%s,"secret_name":%s}`,
			comma, quote(s.Binding), quote(s.StoreID), quote(s.SecretName))
		comma = ","
	}
	buf.WriteString("]}")
	return nil
}

// quote returns a JSON string.
func quote(text string) []byte {
	b, _ := json.Marshal(text) // a string can always be marshalled
	return b
}
