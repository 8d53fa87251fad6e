// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Etcd;

/// <summary>Where etcd is, and as whom it is spoken to.</summary>
public sealed record EtcdOptions
{
    private static readonly TimeSpan _shortestTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _longestTimeout = TimeSpan.FromMinutes(1);

    /// <summary>Members of one cluster, as "https://10.0.0.10:2379". One is used at a time; the next when it fails.</summary>
    public required IReadOnlyList<string> Endpoints { get; init; }

    /// <summary>PEM, of who signed etcd's certificates. Null: whom the host trusts. Like the following two it is read for each
    /// connection, and when it changes there is a new one.</summary>
    public string? CaFile { get; init; }

    /// <summary>PEM, what etcd knows this host by; those between it and its signer may follow in the file.</summary>
    public string? CertFile { get; init; }

    /// <summary>PEM, the certificate's key, without a password.</summary>
    public string? KeyFile { get; init; }

    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>All keys are under it. It begins and ends with "/".</summary>
    public string Prefix { get; init; } = "/weir/";

    /// <summary>How long one member has for an answer. A call that changes members takes three times as long at most, and a member
    /// that answers nothing for as long is left.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How much is kept of what the readers of watches have not read yet.</summary>
    public Retention Retention { get; init; } = new(Revisions: 10_000, Bytes: 16 << 20);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>All that is wrong, in words; what is in the files is seen when they are used.</summary>
    public IReadOnlyList<string> Problems()
    {
        List<string> problems = [.. Endpoints.Select(ProblemOf).OfType<string>()];
        if (Endpoints.Count == 0)
        {
            problems.Add("no endpoint is named: give one as https://10.0.0.10:2379");
        }

        problems.AddRange(Endpoints.GroupBy(endpoint => endpoint.TrimEnd('/'), StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1).Select(group => $"the endpoint {group.Key} is named {group.Count()} times"));
        bool isSecure = Endpoints.Any(endpoint => endpoint.StartsWith("https:", StringComparison.OrdinalIgnoreCase));
        if (!isSecure && (CaFile ?? CertFile ?? KeyFile) is { } file)
        {
            problems.Add($"{file} is for TLS, and no endpoint is https");
        }

        if (CertFile is null != KeyFile is null)
        {
            problems.Add(CertFile is null ? $"the key {KeyFile} has no certificate beside it" : $"the certificate {CertFile} has no key beside it");
        }

        if (string.IsNullOrEmpty(User) != string.IsNullOrEmpty(Password))
        {
            problems.Add(string.IsNullOrEmpty(User) ? "there is a password without a user" : $"the user {User} has no password");
        }

        if (Prefix.Length < 2 || Prefix[0] != '/' || Prefix[^1] != '/')
        {
            problems.Add($"the prefix \"{Prefix}\" must begin and end with \"/\", and name something between");
        }

        if (RequestTimeout < _shortestTimeout || RequestTimeout > _longestTimeout)
        {
            problems.Add($"a request time-out of {RequestTimeout.TotalSeconds} s is not between {_shortestTimeout.TotalSeconds} and {_longestTimeout.TotalSeconds} s");
        }

        return problems;
    }

    /// <summary>Without what is secret.</summary>
    public override string ToString() => $"etcd at {string.Join(", ", Endpoints)}, {Prefix}";

    private static string? ProblemOf(string endpoint) =>
        Uri.TryCreate(endpoint, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.Host.Length > 0
        && uri.PathAndQuery == "/" && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0
            ? null
            : $"\"{endpoint}\" is no endpoint: write http or https, host and port, as https://10.0.0.10:2379";
}
