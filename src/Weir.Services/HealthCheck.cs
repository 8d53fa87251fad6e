// SPDX-License-Identifier: Apache-2.0
using Weir.Services.Reading;

namespace Weir.Services;

/// <summary>How backends are watched.</summary>
public sealed record HealthCheck(HealthCheckKind Kind)
{
    public const int MostTries = 100;

    public static readonly TimeSpan LeastInterval = TimeSpan.FromMilliseconds(100);
    public static readonly TimeSpan LeastTimeout = TimeSpan.FromMilliseconds(10);
    public static readonly TimeSpan MostInterval = TimeSpan.FromHours(1);

    /// <summary>HTTP: what is asked for; begins with '/'.</summary>
    public string Path { get; init; } = "/";

    /// <summary>HTTP: the Host header; null: the backend's address.</summary>
    public string? Host { get; init; }

    /// <summary>Where to ask; null: the backend's own port.</summary>
    public ushort? Port { get; init; }

    /// <summary>From one try to the next.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long one try may take; at most <see cref="Interval"/>.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Good tries in a row until a backend is healthy again.</summary>
    public int Rise { get; init; } = 2;

    /// <summary>Bad tries in a row until a backend is unhealthy.</summary>
    public int Fall { get; init; } = 3;

    /// <summary>
    /// Reads "tcp" or "http:/healthz", with ",interval=5s,timeout=1s,rise=2,fall=3,port=8081,host=shop" in any order.
    /// </summary>
    /// <exception cref="FormatException">The text is no health check; the message says why.</exception>
    public static HealthCheck Parse(string text) =>
        TryParse(text, out var check, out var error) ? check! : throw new FormatException(error);

    /// <summary>As <see cref="Parse"/>, without an exception.</summary>
    public static bool TryParse(string text, out HealthCheck? check, out string error)
    {
        ArgumentNullException.ThrowIfNull(text);
        return HealthCheckText.TryRead(text, out check, out error);
    }

    /// <summary>As <see cref="Parse"/> reads it; what is as by default is left out.</summary>
    public override string ToString() => HealthCheckText.Write(this);
}
