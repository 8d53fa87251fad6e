// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;
using Weir.Policy.Reading;

namespace Weir.Services.Reading;

/// <summary>Health checks as text; the option's names are those of the fields in a file.</summary>
internal static class HealthCheckText
{
    public static readonly IReadOnlyList<string> Options = ["interval", "timeout", "rise", "fall", "port", "host"];

    private const int LongestPath = 1024;
    private const int LongestHost = 253;

    public static bool TryRead(string text, out HealthCheck? check, out string error)
    {
        check = null;
        var parts = text.Split(',');
        error = ReadKind(parts[0], out var read);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 1; i < parts.Length && error.Length == 0; i++)
        {
            var equals = parts[i].IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? parts[i] : parts[i][..equals];
            error = !seen.Add(name) ? $"{name} is written twice" : ReadOption(name, equals < 0 ? "" : parts[i][(equals + 1)..], ref read);
        }

        if (error.Length == 0)
        {
            error = Check(read);
        }

        if (error.Length > 0)
        {
            error = $"health check {Quoted.Of(text)}: {error}";
            return false;
        }

        check = read;
        return true;
    }

    /// <summary>Sets one option; returns what is wrong, or "".</summary>
    public static string ReadOption(string name, string value, ref HealthCheck check)
    {
        switch (name)
        {
            case "interval":
                check = check with { Interval = ReadTime(name, value, HealthCheck.LeastInterval, out var error) };
                return error;
            case "timeout":
                check = check with { Timeout = ReadTime(name, value, HealthCheck.LeastTimeout, out error) };
                return error;
            case "rise":
                check = check with { Rise = ReadNumber(name, value, HealthCheck.MostTries, out error) };
                return error;
            case "fall":
                check = check with { Fall = ReadNumber(name, value, HealthCheck.MostTries, out error) };
                return error;
            case "port":
                check = check with { Port = (ushort)ReadNumber(name, value, ushort.MaxValue, out error) };
                return error;
            case "host":
                check = check with { Host = value };
                return CheckHost(value);
            default:
                var nearest = NearestName.Find(name, Options);
                return $"unknown option {Quoted.Of(name)}; expected {string.Join(", ", Options)}" + (nearest is null ? "" : $"; did you mean \"{nearest}\"?");
        }
    }

    /// <summary>What is wrong with a path, or "". Nothing in it may begin another line or request.</summary>
    public static string CheckPath(string path) =>
        !path.StartsWith('/') ? $"the path begins with '/', {Quoted.Of(path)} does not"
        : path.Length > LongestPath ? $"the path has more than {LongestPath} characters"
        : path.Contains(',', StringComparison.Ordinal) ? "write %2C for a comma in the path"
        : path.All(c => c is > ' ' and < (char)127 and not '#') ? ""
        : $"the path {Quoted.Of(path)} has characters that a request cannot carry; write them as %20 and the like";

    /// <summary>What is wrong with the whole, or "".</summary>
    public static string Check(HealthCheck check) =>
        check.Timeout > check.Interval ? $"timeout {Duration.Write(check.Timeout)} is longer than interval {Duration.Write(check.Interval)}"
        : check is { Kind: HealthCheckKind.Tcp, Host: not null } ? "host goes with http only"
        : "";

    /// <summary>What is wrong with a check that was not read from a text, or "".</summary>
    public static string CheckValues(HealthCheck check)
    {
        if (check.Interval < HealthCheck.LeastInterval || check.Interval > HealthCheck.MostInterval
            || check.Timeout < HealthCheck.LeastTimeout
            || check.Rise is < 1 or > HealthCheck.MostTries
            || check.Fall is < 1 or > HealthCheck.MostTries
            || check.Port == 0)
        {
            return "interval, timeout, rise, fall or port are out of range";
        }

        var error = check.Kind == HealthCheckKind.Http ? CheckPath(check.Path) : "";
        error = error.Length == 0 && check.Host is { } host ? CheckHost(host) : error;
        return error.Length == 0 ? Check(check) : error;
    }

    public static string Write(HealthCheck check)
    {
        var usual = new HealthCheck(check.Kind);
        var text = new StringBuilder(check.Kind == HealthCheckKind.Tcp ? "tcp" : "http:" + check.Path);
        Add("interval", check.Interval != usual.Interval, Duration.Write(check.Interval));
        Add("timeout", check.Timeout != usual.Timeout, Duration.Write(check.Timeout));
        Add("rise", check.Rise != usual.Rise, check.Rise.ToString());
        Add("fall", check.Fall != usual.Fall, check.Fall.ToString());
        Add("port", check.Port is not null, check.Port.ToString()!);
        Add("host", check.Host is not null, check.Host!);
        return text.ToString();

        void Add(string name, bool differs, string value)
        {
            if (differs)
            {
                text.Append(',').Append(name).Append('=').Append(value);
            }
        }
    }

    private static string ReadKind(string text, out HealthCheck check)
    {
        var http = text == "http" || text.StartsWith("http:", StringComparison.Ordinal);
        check = new HealthCheck(http ? HealthCheckKind.Http : HealthCheckKind.Tcp);
        if (text.StartsWith("http:", StringComparison.Ordinal))
        {
            check = check with { Path = text["http:".Length..] };
            return CheckPath(check.Path);
        }

        return http || text == "tcp" ? "" : $"a check is tcp or http:/path, not {Quoted.Of(text)}";
    }

    private static string CheckHost(string host) =>
        host.Length is > 0 and <= LongestHost && host.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':' or '[' or ']')
            ? ""
            : $"host is a name such as shop.example, not {Quoted.Of(host)}";

    private static TimeSpan ReadTime(string name, string value, TimeSpan least, out string error)
    {
        error = Duration.TryParse(value, out var time) && time >= least && time <= HealthCheck.MostInterval
            ? ""
            : $"{name} is a time from {Duration.Write(least)} to {Duration.Write(HealthCheck.MostInterval)} such as 2s or 500ms, not {Quoted.Of(value)}";
        return time;
    }

    private static int ReadNumber(string name, string value, int most, out string error)
    {
        error = int.TryParse(value, NumberStyles.None, null, out var number) && number >= 1 && number <= most
            ? ""
            : $"{name} is a number from 1 to {most}, not {Quoted.Of(value)}";
        return number;
    }
}
