// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
)

//go:embed templates style.css
var files embed.FS

// style is the one style sheet; it stands inside each page, so that a saved
// page looks the same.
var style = mustRead("style.css")

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(style) }, // ours, not anybody's input
}).ParseFS(files, "templates/*.html"))

// pagePolicy forbids a page everything but its own style sheet: what a task
// printed or was called can do nothing, even if it got past the escaping.
var pagePolicy = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// reportPolicy is for HTML that a task wrote. In its sandbox a report is of no
// origin: its scripts run (plots need them) and reach nothing of drydock's.
const reportPolicy = "sandbox allow-scripts allow-popups; frame-ancestors 'none'"

func mustRead(name string) string {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(data)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// guard sets what every answer of the console carries.
func guard(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// render writes a whole page or, when its template fails, none of it.
func (p *pages) render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "this page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	guard(w.Header(), pagePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader may be gone
}

// failure is what the page of an error says.
type failure struct {
	Title, Text string
	Refresh     int
}

func (p *pages) fail(w http.ResponseWriter, status int, title, text string) {
	p.render(w, status, "fail.html", failure{Title: title, Text: text})
}
