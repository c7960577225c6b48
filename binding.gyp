{
  'variables': {
    'sources_of': 'node -p "const all = require(\'./native/sources.json\'); process.argv.slice(1).flatMap((name) => all[name]).join(\' \')"',
  },
  'target_defaults': {
    'defines': ['_GNU_SOURCE'],
    'cflags!': ['-O3'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-O3'],
    'cflags_cc': [
      '-O2', '-std=c++20', '-Wall', '-Wextra', '-Wshadow', '-Wconversion',
      '-fvisibility=hidden', '-fstack-protector-strong',
    ],
    'ldflags': ['-Wl,-z,relro,-z,now'],
  },
  'targets': [
    {
      'target_name': 'mountyard',
      'sources': ['<!@(<(sources_of) core addon)'],
      # In a worker that is being terminated nothing can be thrown any more, which is no reason to abort the process.
      'defines': ['NAPI_VERSION=9', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      # Its headers trip -Wshadow, so they are system headers here.
      'cflags_cc': ['-isystem', '<!(node -p "path.dirname(require.resolve(\'node-addon-api\'))")'],
      # With it a std::system_error or std::bad_alloc becomes a JavaScript Error and no abort.
      'dependencies': ['<!(node -p "require(\'node-addon-api\').targets"):node_addon_api_except_all'],
    },
    {
      'target_name': 'mountyard-enter',
      'type': 'executable',
      'sources': ['<!@(<(sources_of) enter)'],
    },
  ],
}
