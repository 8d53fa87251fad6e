// SPDX-License-Identifier: Apache-2.0

using System.Collections.Frozen;
using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;

namespace Weir.Ui;

/// <summary>The page's own files, which are in the executable.</summary>
internal static class PageFiles
{
    private const string Prefix = "page/";
    private const string Start = "index.html";

    private static readonly FrozenDictionary<string, PageFile> _files = Read();

    /// <summary>Views, which are all the one document: the page looks at its address.</summary>
    private static readonly FrozenSet<string> _views = FrozenSet.ToFrozenSet(["/", "/flows", "/container", "/policies", "/draft"]);

    /// <summary>Bytes that go over the wire for all of it.</summary>
    internal static int TotalBytes => _files.Values.Sum(file => file.Gzip.Length);

    /// <returns>False: there is no such file.</returns>
    internal static async Task<bool> TryAnswerAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "/";
        if (!_files.TryGetValue(_views.Contains(path) ? Start : path.TrimStart('/'), out PageFile? file))
        {
            return false;
        }

        HttpResponse response = context.Response;
        response.ContentType = file.Type;
        response.Headers.CacheControl = "no-cache"; // another version may serve here tomorrow
        response.Headers.ETag = file.Tag;
        response.Headers.Vary = "Accept-Encoding";
        if (context.Request.Headers.IfNoneMatch == file.Tag)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return true;
        }

        bool takesGzip = context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase);
        byte[] body = takesGzip ? file.Gzip : file.Plain();
        if (takesGzip)
        {
            response.Headers.ContentEncoding = "gzip";
        }

        response.ContentLength = body.Length;
        if (context.Request.Method != "HEAD")
        {
            await response.BodyWriter.WriteAsync(body, context.RequestAborted);
        }

        return true;
    }

    private static FrozenDictionary<string, PageFile> Read()
    {
        Assembly assembly = typeof(PageFiles).Assembly;
        return assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).ToFrozenDictionary(
            name => name[Prefix.Length..],
            name =>
            {
                using Stream stream = assembly.GetManifestResourceStream(name)!;
                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                return new PageFile(bytes, TypeOf(name), $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}\"");
            });
    }

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        string other => throw new InvalidOperationException($"a file of the page has an ending without a type: {other}"),
    };

    private sealed record PageFile(byte[] Gzip, string Type, string Tag)
    {
        internal byte[] Plain()
        {
            using var plain = new MemoryStream();
            using (var gzip = new GZipStream(new MemoryStream(Gzip), CompressionMode.Decompress))
            {
                gzip.CopyTo(plain);
            }

            return plain.ToArray();
        }
    }
}
