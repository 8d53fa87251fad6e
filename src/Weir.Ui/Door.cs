// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Ui;

/// <summary>Whom the server answers, and what it tells the browser about all it answers: any page of any site can make a browser
/// ask 127.0.0.1.</summary>
internal sealed class Door(Keys keys)
{
    private const string Bearer = "Bearer ";

    private static readonly (string Name, string Value)[] _headers =
    [
        ("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ("Cache-Control", "no-store"),
    ];

    internal static void Describe(HttpResponse response)
    {
        foreach ((string name, string value) in _headers)
        {
            response.Headers[name] = value;
        }
    }

    /// <summary>What holds for everything.</summary>
    /// <returns>Null: it may go on.</returns>
    internal static (int Status, string Text)? Refuse(HttpRequest request) => request switch
    {
        // A name of somebody's own may lead to 127.0.0.1 (DNS rebinding).
        _ when !IsThisHost(request.Host.Host) => (StatusCodes.Status421MisdirectedRequest, "the page is at 127.0.0.1, [::1] or localhost, not at another name"),
        _ when request.Headers["Sec-Fetch-Site"].ToString() is not ("" or "same-origin" or "none") && !IsNavigation(request) => (StatusCodes.Status403Forbidden, "another site's page may not ask"),
        { Method: "GET" or "HEAD" } => null,
        { Method: not "POST" } => (StatusCodes.Status405MethodNotAllowed, "only GET and POST"),
        _ when request.Headers.Origin != $"{request.Scheme}://{request.Host}" => (StatusCodes.Status403Forbidden, "only the page itself may ask this"),
        _ => null,
    };

    /// <summary>Whether it comes from a page that was opened by a link of "weir ui".</summary>
    internal bool Knows(HttpRequest request)
    {
        string header = request.Headers.Authorization.ToString();
        return header.StartsWith(Bearer, StringComparison.Ordinal) && keys.IsKey(header[Bearer.Length..]);
    }

    private static bool IsNavigation(HttpRequest request) => request.Method == "GET" && request.Headers["Sec-Fetch-Mode"] == "navigate";

    private static bool IsThisHost(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}
