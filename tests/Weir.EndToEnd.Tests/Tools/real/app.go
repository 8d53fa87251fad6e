// SPDX-License-Identifier: Apache-2.0

// Go's servers and clients of net/http, and of http2 without TLS.
//
//	app serve PORT HTTP2-PORT    /show, /stream, /redirect, as app.js has them
//	app http|http2 URL           asks as client.py does; with $LAB_PATHS it gets those alone
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3])
	} else {
		ask(os.Args[1], os.Args[2])
	}
}

func sortedHeaders(header http.Header) string {
	var lines []string
	for name, values := range header {
		for _, value := range values {
			lines = append(lines, name+": "+value)
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func serve(port, port2 string) {
	http.HandleFunc("/show", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Trailer", "X-After")
		fmt.Fprintf(w, "%s %s %s\nHost: %s\n%s\nbody: %d %x %v\n", r.Method, r.RequestURI, r.Proto, r.Host, sortedHeaders(r.Header), len(body), sha256.Sum256(body), err)
		w.(http.Flusher).Flush()
		w.Header().Set("X-After", "all")
	})
	http.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < 80; i++ {
			_, _ = w.Write(bytes.Repeat([]byte{byte(i)}, 65536))
		}
	})
	http.Handle("/redirect", http.RedirectHandler("/show", http.StatusFound))
	go func() {
		fmt.Println(http.ListenAndServe(":"+port2, h2c.NewHandler(http.DefaultServeMux, &http2.Server{})))
	}()
	fmt.Println(http.ListenAndServe(":"+port, nil))
}

// A reader whose length nobody knows: Go sends it chunked.
type unknown struct{ io.Reader }

func ask(kind, url string) {
	client := &http.Client{Timeout: 20 * time.Second}
	if kind == "http2" {
		client.Transport = &http2.Transport{
			AllowHTTP: true,
			DialTLS:   func(network, address string, _ *tls.Config) (net.Conn, error) { return net.Dial(network, address) },
		}
	}
	one := func(method, path string, body io.Reader, header http.Header) {
		fmt.Printf("== %s %s\n", method, path[:min(len(path), 60)])
		request, err := http.NewRequestWithContext(context.Background(), method, url+path, body)
		if err != nil {
			fmt.Println(err)
			return
		}
		for name, values := range header {
			request.Header[name] = values
		}
		response, err := client.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		if kind == "http2" {
			// It sends headers in the order of a map, in which some servers show them.
			lines := strings.Split(string(content), "\n")
			sort.Strings(lines)
			content = []byte(strings.Join(lines, "\n"))
		}
		fmt.Printf("%s %s\n%s\n%v\n", response.Proto, response.Status, sortedHeaders(response.Header), err)
		if len(content) < 8192 {
			fmt.Printf("%s\n", content)
		} else {
			fmt.Printf("%d %x\n", len(content), sha256.Sum256(content))
		}
		fmt.Println(response.Trailer)
	}
	if paths := os.Getenv("LAB_PATHS"); paths != "" {
		for _, path := range strings.Split(paths, " ") {
			one("GET", path, nil, nil)
		}
		return
	}
	many := http.Header{}
	for i := 0; i < 250; i++ {
		many.Set(fmt.Sprintf("X-Many-%d", i), fmt.Sprintf("value %d", i))
	}
	megabyte := bytes.Repeat([]byte("0123456789abcdef"), 65536)
	one("GET", "/show", nil, nil)
	one("HEAD", "/show", nil, nil)
	one("POST", "/show", strings.NewReader("a=1&b=2"), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	one("PUT", "/show", bytes.NewReader(megabyte), nil)
	one("POST", "/show", unknown{bytes.NewReader(megabyte)}, nil)
	one("POST", "/show", strings.NewReader("expected"), http.Header{"Expect": {"100-continue"}})
	one("DELETE", "/show", nil, nil)
	one("GET", "/show?q=\"<>|^`{}%0A%25é", nil, nil)
	one("GET", "/redirect", nil, nil)
	one("GET", "/missing", nil, nil)
	one("GET", "/stream", nil, nil)
	// The last: servers that refuse it reset the connection.
	one("GET", "/show", nil, many)
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}
