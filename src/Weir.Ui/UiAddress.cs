// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;

namespace Weir.Ui;

/// <summary>Where the page is served: loopback or a Unix socket, and nowhere else.</summary>
/// <param name="EndPoint">Null: by a socket.</param>
internal sealed record UiAddress(IPEndPoint? EndPoint, string? SocketPath)
{
    private const string Scheme = "unix:";
    private const int LongestPath = 107; // sockaddr_un(7), less the zero at its end

    public override string ToString() => EndPoint?.ToString() ?? SocketPath!;

    /// <returns>Null: it is none, and <paramref name="problem"/> says why.</returns>
    internal static UiAddress? TryRead(string text, out string problem)
    {
        problem = "";
        if (text.StartsWith(Scheme, StringComparison.Ordinal))
        {
            string path = text[Scheme.Length..];
            problem = path.Length == 0 ? "the socket's path is missing: unix:/run/user/1000/weir-ui.sock"
                : System.Text.Encoding.UTF8.GetByteCount(path) > LongestPath ? $"a socket's path has at most {LongestPath} bytes" : "";
            return problem.Length == 0 ? new UiAddress(null, Path.GetFullPath(path)) : null;
        }

        if (ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            return new UiAddress(new IPEndPoint(IPAddress.Loopback, port), null);
        }

        if (!text.Contains(':', StringComparison.Ordinal) || !IPEndPoint.TryParse(text.Replace("localhost", "127.0.0.1", StringComparison.Ordinal), out IPEndPoint? found))
        {
            problem = "write an address and port, such as 127.0.0.1:8765, a port, or unix:/PATH";
            return null;
        }

        problem = IPAddress.IsLoopback(found.Address) ? "" : "the page is served to this host alone: from elsewhere, 'ssh -L 8765:127.0.0.1:8765 HOST' leads to it";
        return problem.Length == 0 ? new UiAddress(found, null) : null;
    }
}
