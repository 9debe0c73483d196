/*! Which proxy the variables mean, and what is said of those that mean none. */

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn read(variables: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
    Proxies::read(|name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        Ok(found.map(|(_, value)| (*value).to_owned()))
    })
}

#[test]
fn each_scheme_has_its_variable_in_either_case() -> Outcome {
    let proxies = read(&[
        ("HTTP_PROXY", ""),
        ("http_proxy", "plain:3128"),
        ("HTTPS_PROXY", "https://u%40x:p%3Aw@secure"),
        ("https_proxy", "http://never"),
    ])?;
    let of = |text: &str| {
        Ok::<_, url::ParseError>(
            proxies
                .of(&text.parse()?)
                .map(|proxy| proxy.url().to_string()),
        )
    };
    assert_eq!(
        of("http://a.example/x")?.as_deref(),
        Some("http://plain:3128/")
    );
    assert_eq!(
        of("https://a.example")?.as_deref(),
        Some("https://u%40x:p%3Aw@secure/")
    );
    assert_eq!(of("ftp://a.example")?, None);
    assert!(read(&[])?.of(&"http://a.example".parse()?).is_none());
    Ok(())
}

#[test]
fn this_machine_is_never_asked_through_a_proxy() -> Outcome {
    let proxies = read(&[("HTTP_PROXY", "p:1"), ("HTTPS_PROXY", "p:1")])?;
    for direct in [
        "localhost:5000",
        "LOCALHOST",
        "127.0.0.1",
        "127.8.9.1:1",
        "[::1]:5000",
        "[::ffff:127.0.0.1]",
    ] {
        assert!(
            proxies.of(&format!("http://{direct}/").parse()?).is_none(),
            "{direct}"
        );
        assert!(
            proxies.of(&format!("https://{direct}/").parse()?).is_none(),
            "{direct}"
        );
    }
    for through in ["localhost.example", "my-localhost", "128.0.0.1", "[::2]"] {
        assert!(
            proxies.of(&format!("http://{through}/").parse()?).is_some(),
            "{through}"
        );
    }
    Ok(())
}

#[test]
fn the_list_of_exceptions_may_stand_in_lower_case_beside_an_empty_one() -> Outcome {
    let proxies = read(&[
        ("HTTPS_PROXY", "p:1"),
        ("NO_PROXY", ""),
        ("no_proxy", "a.example"),
    ])?;
    assert!(proxies.of(&"https://a.example".parse()?).is_none());
    assert!(proxies.of(&"https://b.example".parse()?).is_some());
    Ok(())
}

#[test]
fn socks_proxies_look_names_up_themselves() -> Outcome {
    for value in ["socks5://u:p@s", "socks5h://u:p@s:1080", "SOCKS5://u:p@s"] {
        let proxies = read(&[("HTTPS_PROXY", value)])?;
        let url = proxies
            .of(&"https://a.example".parse()?)
            .map(|proxy| proxy.url().to_string());
        assert_eq!(url.as_deref(), Some("socks5h://u:p@s:1080"), "{value}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_used_names_the_variable_and_never_the_password() {
    let table = [
        ("socket5://u:hunter2@p:9", "socket5://"),
        ("socks4://u:hunter2@p", "socks4://"),
        ("http//127.0.0.1:9", "no URL"),
        ("http:/127.0.0.1:9", "no URL"),
        ("http://us er:hunter2@p:9", "blank"),
        ("http://u:hunter2#1@p:9", "no URL"),
        ("http://p:99999", "no URL"),
        ("http://", "no URL"),
        ("socks5://:1080", "no URL"),
        ("u:hunter2/x://p", "…://"),
    ];
    for (value, reason) in table {
        for variable in ["HTTP_PROXY", "https_proxy"] {
            let told = read(&[(variable, value)])
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(
                told.contains(variable) && told.contains(reason) && !told.contains("hunter2"),
                "{value}: {told}"
            );
        }
    }
}

#[test]
fn a_proxy_is_shown_without_its_credentials() -> Outcome {
    for (value, words) in [
        ("http://u:hunter2@p:3128", "refused the login"),
        ("p:3128", "wants a login"),
    ] {
        let proxies = read(&[("HTTP_PROXY", value)])?;
        let shown = proxies
            .of(&"http://a.example".parse()?)
            .map(|proxy| format!("{proxy} {proxy:?} {}", proxy.wants_login()));
        let shown = shown.unwrap_or_default();
        assert!(
            shown.contains("http://p:3128 (HTTP_PROXY)")
                && shown.contains(words)
                && !shown.contains("hunter2"),
            "{shown}"
        );
    }
    Ok(())
}
