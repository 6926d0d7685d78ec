package witness

import "github.com/secretsync/secretsync/internal/secret"

// EncodeRequest encodes a request with a given nonce.
func EncodeRequest(nonce string, until int64, questions []Question, session secret.Key) ([]byte, error) {
	r := request{Nonce: nonce, Until: until, Questions: []question{}}
	for i, q := range questions {
		r.Questions = append(r.Questions, q.encoded(i))
	}
	return r.encode(session)
}

// DecodeAnswer decodes the answer to such a request.
func DecodeAnswer(nonce string, questions []Question, session secret.Key, body []byte) ([]Answer, error) {
	r := request{Nonce: nonce}
	for i, q := range questions {
		r.Questions = append(r.Questions, q.encoded(i))
	}
	return r.decodeAnswer(session, body)
}
