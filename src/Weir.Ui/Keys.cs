// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Ui;

/// <summary>Who may ask: a token is good once, for a key that its browser keeps for this origin alone. A cookie would go to
/// every port of this host, whoever serves there.</summary>
internal sealed class Keys
{
    private const int Most = 64;

    private readonly Lock _lock = new();
    private readonly List<byte[]> _tokens = [];
    private readonly List<byte[]> _keys = [];

    internal string NewToken() => Add(_tokens);

    /// <returns>Null: it is none, or was used before.</returns>
    internal string? Exchange(string token)
    {
        lock (_lock)
        {
            return Find(_tokens, token) is { } found && _tokens.Remove(found) ? Add(_keys) : null;
        }
    }

    internal bool IsKey(string key)
    {
        lock (_lock)
        {
            return Find(_keys, key) is not null;
        }
    }

    private string Add(List<byte[]> list)
    {
        string text = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        lock (_lock)
        {
            if (list.Count == Most)
            {
                list.RemoveAt(0);
            }

            list.Add(Hash(text));
        }

        return text;
    }

    private static byte[]? Find(List<byte[]> list, string text)
    {
        byte[] hash = Hash(text);
        return list.Find(known => CryptographicOperations.FixedTimeEquals(known, hash));
    }

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
