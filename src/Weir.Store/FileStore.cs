// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weir.Linux;

namespace Weir.Store;

/// <summary>A file for every record, below one folder that only its owner may enter.</summary>
public sealed class FileStore : IStore
{
    private const string Extension = ".json";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly Lock _lock = new();
    private readonly string _root;

    public FileStore(string root)
    {
        _root = root;
        Directory.CreateDirectory(root, OwnerOnly);
    }

    public T? Get<T>(string key, JsonTypeInfo<T> type)
        where T : class
    {
        lock (_lock)
        {
            string path = PathOf(key);
            return File.Exists(path) ? Read(path, type) : null;
        }
    }

    public void Put<T>(string key, T value, JsonTypeInfo<T> type)
        where T : class
    {
        string path = PathOf(key);
        string folder = Path.GetDirectoryName(path)!;
        string draft = path + ".new";
        lock (_lock)
        {
            try
            {
                Directory.CreateDirectory(folder, OwnerOnly);
                using (FileStream file = File.Create(draft))
                {
                    JsonSerializer.Serialize(file, value, type);
                    file.Flush(flushToDisk: true);
                }

                File.Move(draft, path, overwrite: true);
                SyncFolder(folder);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new StoreException($"write {path}: {e.Message}; is the disk full?", e);
            }
        }
    }

    public void Delete(string key)
    {
        string path = PathOf(key);
        lock (_lock)
        {
            if (File.Exists(path))
            {
                File.Delete(path);
                SyncFolder(Path.GetDirectoryName(path)!);
            }
        }
    }

    public IReadOnlyList<T> List<T>(string folder, JsonTypeInfo<T> type)
        where T : class
    {
        lock (_lock)
        {
            string path = Path.Combine(_root, folder);
            return Directory.Exists(path)
                ? [.. Directory.GetFiles(path, "*" + Extension).Order(StringComparer.Ordinal).Select(file => Read(file, type))]
                : [];
        }
    }

    private static T Read<T>(string path, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type) ?? throw new JsonException("it is empty");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"read {path}: {e.Message}; restore the file or remove it", e);
        }
    }

    /// <summary>A rename lasts when the folder that holds the name is on disk.</summary>
    private static void SyncFolder(string folder)
    {
        using FileDescriptor descriptor = FileDescriptor.OpenRead(folder);
        descriptor.Sync();
    }

    /// <summary>Escapes every part, so that "..", "/" in a name, or an odd byte stays one file's name.</summary>
    private string PathOf(string key)
    {
        string[] parts = [.. key.Split('/').Select(part => Uri.EscapeDataString(part).Replace(".", "%2E", StringComparison.Ordinal))];
        return Path.Combine([_root, .. parts]) + Extension;
    }
}
